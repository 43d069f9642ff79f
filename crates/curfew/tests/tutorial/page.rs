//! A page of Markdown as text, files and commands.

/// A part of a page.
pub(crate) enum Block {
    /// Lines that are nothing to try.
    Text(String),
    /// A fenced block with `file=PATH` after its language: the reader writes this file.
    File { path: String, text: String },
    /// A fenced block of `console`: each line after `$ `, and what it prints.
    Console(Vec<(String, String)>),
}

/// A page.
pub(crate) struct Page {
    pub(crate) blocks: Vec<Block>,
    /// The line that opened each file's block, to write it again.
    fences: Vec<String>,
}

impl Page {
    pub(crate) fn read(text: &str) -> Page {
        let mut page = Page { blocks: Vec::new(), fences: Vec::new() };
        let mut lines = text.lines();
        let mut plain = String::new();
        while let Some(line) = lines.next() {
            let file =
                line.strip_prefix("```").and_then(|info| info.split_whitespace().find_map(|w| w.strip_prefix("file=")));
            if file.is_none() && line != "```console" {
                plain.push_str(line);
                plain.push('\n');
                continue;
            }
            page.blocks.push(Block::Text(std::mem::take(&mut plain)));
            let inside: String = lines.by_ref().take_while(|line| *line != "```").map(|l| format!("{l}\n")).collect();
            match file {
                Some(path) => {
                    page.fences.push(line.to_owned());
                    page.blocks.push(Block::File { path: path.to_owned(), text: inside });
                }
                None => page.blocks.push(Block::Console(commands(&inside))),
            }
        }
        page.blocks.push(Block::Text(plain));
        page
    }

    pub(crate) fn write(&self) -> String {
        let mut fences = self.fences.iter();
        let mut text = String::new();
        for block in &self.blocks {
            match block {
                Block::Text(plain) => text.push_str(plain),
                Block::File { text: inside, .. } => {
                    let fence = fences.next().expect("one for each file");
                    text.push_str(&format!("{fence}\n{inside}```\n"));
                }
                Block::Console(runs) => {
                    let each = |(line, prints): &(String, String)| {
                        let prints = if prints.is_empty() { String::new() } else { format!("{prints}\n") };
                        format!("$ {line}\n{prints}")
                    };
                    let inside: String = runs.iter().map(each).collect();
                    text.push_str(&format!("```console\n{inside}```\n"));
                }
            }
        }
        text
    }
}

/// Each command with its continued lines, and what stands below it.
fn commands(inside: &str) -> Vec<(String, String)> {
    let mut runs: Vec<(String, String)> = Vec::new();
    for line in inside.lines() {
        match (line.strip_prefix("$ "), runs.last_mut()) {
            (Some(command), _) => runs.push((command.to_owned(), String::new())),
            (None, Some((command, prints))) => match command.ends_with('\\') && prints.is_empty() {
                true => {
                    command.push('\n');
                    command.push_str(line);
                }
                false => {
                    prints.push_str(line);
                    prints.push('\n');
                }
            },
            (None, None) => panic!("a console block begins with `$ `: {line}"),
        }
    }
    runs.into_iter().map(|(command, prints)| (command, prints.trim_end().to_owned())).collect()
}
