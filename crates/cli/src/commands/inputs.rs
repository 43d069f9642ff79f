//! What a role wants to be told and was not: asked for on the terminal, by the policy's own words.
//!
//! **Invariant:** nothing is asked unless a person is at both ends: stdin and stderr are terminals.

use super::Context;
use crate::failure::Failure;
use crate::session::{self, Session};
use curfew_api::{AskBody, InputBody, RoleInputView};
use curfew_domain::limits;
use std::collections::BTreeMap;

/// How often a person may answer what the role does not take.
const TRIES: usize = 5;

/// Adds what the role requires and was not given.
pub(crate) async fn complete(context: &mut Context, session: &Session, body: &mut AskBody) -> Result<(), Failure> {
    if !context.output.can_ask() {
        return Ok(());
    }
    let roles = session.client.roles().await.map_err(session::failure)?.items;
    let wanted = roles.into_iter().filter(|role| role.name.as_str() == body.role).flat_map(|role| role.inputs);
    ask_for(context, &wanted.collect::<Vec<_>>(), &mut body.inputs)
}

/// The same for every role of a bundle; an input of several is asked for once.
pub(crate) async fn complete_bundle(
    context: &mut Context,
    session: &Session,
    roles: &[curfew_domain::RoleName],
    inputs: &mut BTreeMap<String, InputBody>,
) -> Result<(), Failure> {
    if !context.output.can_ask() {
        return Ok(());
    }
    let known = session.client.roles().await.map_err(session::failure)?.items;
    let wanted = known.into_iter().filter(|role| roles.contains(&role.name)).flat_map(|role| role.inputs);
    ask_for(context, &wanted.collect::<Vec<_>>(), inputs)
}

fn ask_for(
    context: &mut Context,
    wanted: &[RoleInputView],
    inputs: &mut BTreeMap<String, InputBody>,
) -> Result<(), Failure> {
    for input in wanted.iter().filter(|input| input.required) {
        if !inputs.contains_key(&input.name) {
            let text = ask(context, input)?;
            inputs.insert(input.name.clone(), InputBody::Text(text));
        }
    }
    Ok(())
}

fn ask(context: &mut Context, input: &RoleInputView) -> Result<String, Failure> {
    let missing = || {
        Failure::wrong_use(format!("the role wants to be told `{}`", input.name))
            .hint(format!("--input {}=VALUE", input.name))
    };
    for _ in 0..TRIES {
        let Some(answer) = context.output.ask(&question(input))? else { return Err(missing()) };
        match answered(input, answer.trim()) {
            Ok(text) => return Ok(text),
            Err(why) => context.output.note(&why),
        }
    }
    Err(missing())
}

fn question(input: &RoleInputView) -> String {
    let prompt = if input.prompt.is_empty() { input.name.as_str() } else { input.prompt.as_str() };
    match input.kind.as_str() {
        "enum" => format!("{prompt} ({})", input.values.join(", ")),
        "integer" => format!("{prompt} (a whole number)"),
        "boolean" => format!("{prompt} (true or false)"),
        _ => prompt.to_owned(),
    }
}

/// The answer as it is sent, or why it is none. The server judges it again.
fn answered(input: &RoleInputView, answer: &str) -> Result<String, String> {
    let most = input.max_length.map_or(limits::INPUT_CHARS, |most| most as usize);
    if answer.is_empty() {
        return Err("an answer is needed".to_owned());
    }
    match input.kind.as_str() {
        "enum" if !input.values.iter().any(|value| value == answer) => {
            Err(format!("it has to be one of: {}", input.values.join(", ")))
        }
        "integer" if answer.parse::<i64>().is_err() => Err("it has to be a whole number".to_owned()),
        "boolean" => match answer.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" => Ok("true".to_owned()),
            "false" | "no" | "n" => Ok("false".to_owned()),
            _ => Err("it has to be true or false".to_owned()),
        },
        _ if answer.chars().count() > most => Err(format!("it may have {most} characters at most")),
        _ => Ok(answer.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(kind: &str) -> RoleInputView {
        let (name, prompt) = ("table".to_owned(), "Which table?".to_owned());
        let values = vec!["red".to_owned(), "green".to_owned()];
        RoleInputView { name, kind: kind.to_owned(), prompt, required: true, values, max_length: Some(5) }
    }

    #[test]
    fn answers_are_checked_by_their_type() {
        assert_eq!(answered(&input("string"), "order"), Ok("order".to_owned()));
        assert!(answered(&input("string"), "orders").is_err() && answered(&input("string"), "").is_err());
        assert_eq!(answered(&input("integer"), "-7"), Ok("-7".to_owned()));
        assert!(answered(&input("integer"), "7.5").is_err());
        assert_eq!(answered(&input("boolean"), "Yes"), Ok("true".to_owned()));
        assert!(answered(&input("boolean"), "maybe").is_err());
        assert_eq!(answered(&input("enum"), "red"), Ok("red".to_owned()));
        assert!(answered(&input("enum"), "Red").is_err());
        assert_eq!(question(&input("enum")), "Which table? (red, green)");
    }

    #[test]
    fn a_person_is_asked_until_the_answer_fits_and_nobody_else_is() {
        use crate::output::tests::{kept, typed};
        use crate::output::{Output, Reader, Voice};
        let context = |streams| Context {
            machine: crate::machine::Machine::here(),
            output: Output::new(streams, Voice::Human),
            server: None,
            kinds: Vec::new(),
        };
        let (streams, out, err) = typed("many\n7\n");
        let mut inputs = BTreeMap::new();
        ask_for(&mut context(streams), &[input("integer")], &mut inputs).expect("answered");
        assert_eq!(inputs["table"], InputBody::Text("7".to_owned()));
        assert_eq!(out.text(), "", "stdout is for the document");
        assert_eq!(err.text().matches("Which table?").count(), 2, "{}", err.text());
        let (streams, _, _) = typed("");
        ask_for(&mut context(streams), &[input("integer")], &mut BTreeMap::new()).expect_err("nobody answers");
        let (streams, ..) = kept(Reader::Program);
        assert!(!context(streams).output.can_ask());
    }
}
