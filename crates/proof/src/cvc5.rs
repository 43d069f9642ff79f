//! Asks `cvc5`, through Cedar's symbolic compiler.

use crate::limits::Limits;
use crate::process::Running;
use crate::witness;
use cedar_policy::{EntityTypeName, EntityUid, Policy, PolicyId, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicySet};
use curfew_policy::{Answer, Prover, Question};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// The program's name.
const PROGRAM: &str = "cvc5";
/// Who can ask. What is claimed has to hold for each.
const SUBJECTS: [&str; 2] = ["Person", "Workload"];

/// A solver on this machine. It is started once for each question, and killed when that is answered.
#[derive(Debug)]
pub struct Cvc5 {
    program: PathBuf,
    limits: Limits,
    /// Roles tend to share expressions.
    answered: RefCell<HashMap<Question, Answer>>,
    left: RefCell<Duration>,
    /// Whether it found what is there to be found; none before it was tried.
    tried: RefCell<Option<bool>>,
}

/// Why there is no answer. Whatever it is, the answer is "unknown".
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("the question is none that Cedar reads: {0}")]
    Malformed(String),
    #[error("the solver could not be started: {0}")]
    NotStarted(#[from] std::io::Error),
    #[error("{0}")]
    Compiler(Box<cedar_policy_symcc::err::Error>),
    #[error("it took too long")]
    OutOfTime,
    #[error("Cedar decides the solver's request otherwise")]
    NotConfirmed,
    #[error("it calls proved what is not so")]
    Untrue,
}

impl Cvc5 {
    /// The solver in one of the folders of a search path, if it is there.
    pub fn on_path(path: &OsStr, limits: Limits) -> Option<Self> {
        let found = std::env::split_paths(path).map(|folder| folder.join(PROGRAM));
        found.into_iter().find(|file| file.is_absolute() && file.is_file()).map(|file| Self::at(&file, limits))
    }

    /// A program that is called as `cvc5` is.
    pub fn at(program: &Path, limits: Limits) -> Self {
        let (answered, left) = (RefCell::default(), RefCell::new(limits.all));
        Self { program: program.to_owned(), limits, answered, left, tried: RefCell::default() }
    }

    fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        let (schema, _) =
            Schema::from_cedarschema_str(&question.schema).map_err(|e| NoAnswer::Malformed(e.to_string()))?;
        let (before, after) = (policies(&question.before)?, policies(&question.after)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for subject in SUBJECTS {
            let sides = Sides { schema: &schema, before: &before, after: &after };
            let found = runtime.block_on(self.counterexample(subject, sides))?;
            let Some(env) = found else { continue };
            if !witness::holds(&env, &before, &after) {
                return Err(NoAnswer::NotConfirmed);
            }
            return Ok(Answer::Wider(witness::shown(&env, &question.facts)));
        }
        if self.finds_what_is_there(&runtime, &schema)? { Ok(Answer::NoWider) } else { Err(NoAnswer::Untrue) }
    }

    /// A program that calls everything proved is no solver. A request that it shows is confirmed by Cedar; that there is none
    /// is its word alone, so it is first asked for one that there is.
    fn finds_what_is_there(&self, runtime: &tokio::runtime::Runtime, schema: &Schema) -> Result<bool, NoAnswer> {
        if let Some(finds) = *self.tried.borrow() {
            return Ok(finds);
        }
        let (before, after) = (written(NARROW)?, written(WIDE)?);
        let sides = Sides { schema, before: &before, after: &after };
        let found = runtime.block_on(self.counterexample(SUBJECTS[0], sides))?;
        let finds = found.is_some_and(|env| witness::holds(&env, &before, &after));
        self.tried.replace(Some(finds));
        Ok(finds)
    }

    /// A request of such a subject that is let through after and not before; none when it is proved that there is none.
    async fn counterexample(
        &self,
        subject: &str,
        sides: Sides<'_>,
    ) -> Result<Option<cedar_policy_symcc::Env>, NoAnswer> {
        let malformed = |e: cedar_policy::ParseErrors| NoAnswer::Malformed(e.to_string());
        let kind = |name| EntityTypeName::from_str(name).map_err(malformed);
        let action = EntityUid::from_str("Action::\"request\"").map_err(malformed)?;
        let env = RequestEnv::new(kind(subject)?, action, kind("Resource")?);
        let compile = |policies| CompiledPolicySet::compile(policies, &env, sides.schema).map_err(compiler);
        let (before, after) = (compile(sides.before)?, compile(sides.after)?);
        let running = Running::start(&self.program, &self.limits)?;
        let mut asked = CedarSymCompiler::new(running).map_err(compiler)?;
        let limit = self.limits.question.min(*self.left.borrow());
        let begun = now();
        let found = tokio::time::timeout(limit, asked.check_implies_with_counterexample_opt(&after, &before)).await;
        let left = self.left.borrow().saturating_sub(begun.elapsed());
        self.left.replace(left);
        found.map_err(|_| NoAnswer::OutOfTime)?.map_err(compiler)
    }
}

/// Two policies of which the second lets more through, and neither everything or nothing.
const NARROW: &str = "permit (principal, action, resource) when { resource == Resource::\"a\" };";
const WIDE: &str =
    "permit (principal, action, resource) when { resource == Resource::\"a\" || resource == Resource::\"b\" };";

fn written(text: &str) -> Result<PolicySet, NoAnswer> {
    PolicySet::from_str(text).map_err(|e| NoAnswer::Malformed(e.to_string()))
}

/// What is compared, over which facts.
#[derive(Clone, Copy)]
struct Sides<'a> {
    schema: &'a Schema,
    before: &'a PolicySet,
    after: &'a PolicySet,
}

#[allow(
    clippy::disallowed_methods,
    reason = "how long a program took that runs on the real clock; nothing is decided by it"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

fn compiler(error: cedar_policy_symcc::err::Error) -> NoAnswer {
    NoAnswer::Compiler(Box::new(error))
}

fn policies(permit: &serde_json::Value) -> Result<PolicySet, NoAnswer> {
    let malformed = |e: String| NoAnswer::Malformed(e);
    let policy = Policy::from_json(Some(PolicyId::new("0")), permit.clone()).map_err(|e| malformed(e.to_string()))?;
    PolicySet::from_policies([policy]).map_err(|e| malformed(e.to_string()))
}

impl Prover for Cvc5 {
    fn answer(&self, question: &Question) -> Answer {
        if let Some(known) = self.answered.borrow().get(question) {
            return known.clone();
        }
        let answer = self.ask(question).unwrap_or(Answer::Unknown);
        self.answered.borrow_mut().insert(question.clone(), answer.clone());
        answer
    }
}
