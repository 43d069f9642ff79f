//! `curfew host token` and `forget`: which hosts are expected to report.

use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, failure};
use clap::Args;
use curfew_api::HostBody;
use curfew_domain::ResourceName;

/// One host of one resource.
#[derive(Debug, Clone, Args)]
pub(crate) struct HostArgs {
    /// The resource
    #[arg(long, value_name = "R")]
    resource: String,
    /// The host, as the resource's settings name it
    #[arg(long, value_name = "HOST:PORT")]
    host: String,
}

impl HostArgs {
    fn body(self) -> Result<HostBody, Failure> {
        let resource = ResourceName::new(self.resource).map_err(|error| Failure::wrong_use(error.to_string()))?;
        Ok(HostBody { resource, host: self.host })
    }
}

/// Makes the token; prints it and nothing else, once.
pub(super) async fn make(context: &mut Context, args: HostArgs) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let made = session.client.ssh_host(&args.body()?).await.map_err(failure)?;
    context.output.show(&made, |output, made| output.raw(format!("{}\n", made.token).as_bytes()))?;
    context.output.note("keep it in the host's folder as `token`, mode 0600; it is not shown again");
    Ok(Exit::Done)
}

/// From now on the host's ends are not verified.
pub(super) async fn forget(context: &mut Context, args: HostArgs) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    session.client.ssh_host_gone(&args.body()?).await.map_err(failure)?;
    Ok(Exit::Done)
}
