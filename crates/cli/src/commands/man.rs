//! `curfew man`: the manual page, for `man -l -`.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use serde_json::json;

pub(crate) fn run(context: &mut Context) -> Result<Exit, Failure> {
    let mut page = Vec::new();
    let rendered = render(&mut page);
    rendered.map_err(|error| Failure::unavailable(format!("cannot write the manual page: {error}")))?;
    match context.output.voice() {
        Voice::Json => context.output.document(&json!({"page": String::from_utf8_lossy(&page)}))?,
        Voice::Human | Voice::Quiet => context.output.raw(&page)?,
    }
    Ok(Exit::Done)
}

/// The page of `curfew`, then a section for each of its commands.
fn render(page: &mut Vec<u8>) -> std::io::Result<()> {
    let mut command = crate::program::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(page)?;
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        render_command(page, command)?;
    }
    Ok(())
}

fn render_command(page: &mut Vec<u8>, command: &clap::Command) -> std::io::Result<()> {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_uppercase();
    page.extend(format!(".SH \"{name}\"\n").into_bytes());
    let man = clap_mangen::Man::new(command.clone());
    man.render_description_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_options_section(page)?;
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        render_command(page, command)?;
    }
    Ok(())
}
