//! `curfew connectors`: kinds of targets, as linked into this program. No server is needed.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Facts, Table, Voice};
use clap::{Args, Subcommand};
use curfew_api::ConnectorView;

/// What `curfew connectors` takes.
#[derive(Debug, Args)]
pub(crate) struct ConnectorsArgs {
    #[command(subcommand)]
    command: Option<Which>,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// Show one kind in full
    Show {
        /// Its name, as after `connector:` in policy
        name: String,
    },
}

pub(crate) fn run(context: &mut Context, args: ConnectorsArgs) -> Result<Exit, Failure> {
    let kinds: Vec<_> = context.kinds.iter().map(|kind| ConnectorView::from(*kind)).collect();
    match args.command {
        None => list(context, &kinds)?,
        Some(Which::Show { name }) => {
            let kind = kinds.iter().find(|kind| kind.name == name);
            let kind = kind.ok_or_else(|| {
                let names: Vec<_> = kinds.iter().map(|kind| kind.name.as_str()).collect();
                Failure::not_found(format!("there is no connector `{name}`"))
                    .hint(format!("there is {}", names.join(", ")))
            })?;
            show(context, kind)?;
        }
    }
    Ok(Exit::Done)
}

fn list(context: &mut Context, kinds: &[ConnectorView]) -> Result<(), Failure> {
    context.output.show(&kinds, |output, kinds| {
        let mut table = Table::new(&["NAME", "SUMMARY"], "no connectors");
        for kind in *kinds {
            table.row([kind.name.clone(), kind.summary.clone()]);
        }
        table.print(output)
    })
}

fn show(context: &mut Context, kind: &ConnectorView) -> Result<(), Failure> {
    if context.output.voice() == Voice::Json {
        return context.output.document(kind);
    }
    let must = |required: bool| if required { "required" } else { "optional" };
    let settings = kind.settings.iter().map(|s| format!("{} ({}): {}", s.name, must(s.required), s.doc));
    let mut facts = Facts::new();
    facts
        .add("name", kind.name.clone())
        .add("summary", kind.summary.clone())
        .list("actions", kind.actions.iter().map(|a| format!("{}: {} [{}]", a.name, a.meaning, a.effects.join(", "))))
        .add("admin", must(kind.admin_required))
        .list("settings", settings)
        .list("privileges", kind.privileges.iter().map(|p| format!("{}: {}", p.name, p.why)))
        .list("may outlive", kind.residual_exposure.clone())
        .add("client makes", kind.public_half.clone());
    facts.print(&mut context.output)
}
