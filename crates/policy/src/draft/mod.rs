//! Reads checked trees into one draft of the set. What a tree lacks was refused before and is left out here.

mod approval;
mod constraint;
mod layers;
mod resource;
mod role;
mod set;
mod trial;

use crate::advice;
use crate::allowance::{Allowance, Paid};
use crate::ask::Trial;
use crate::expression::{self, Expression, Guardrail, NotCedar};
use crate::leaf;
use crate::model::{Account, Bundle, Chain, Listed, PolicyApprovers, Resource, Role, TextPattern};
use crate::node::Node;
use crate::pattern::NotAPattern;
use crate::problem::Problems;
use crate::shape::shown;
use crate::source::Place;
use crate::whereabouts::within;
use curfew_domain::connector::ConnectorKind;
use curfew_domain::{GroupName, RoleName, limits};
use layers::{Field, Layer};
use std::collections::HashMap;
use std::sync::Arc;

/// Everything the files of a set say, before it is known whether the parts fit.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) roles: Vec<Role>,
    /// Roles with an error of their own. They are never in a set, but what they refer to is checked all the same.
    pub(crate) unfit: Vec<Unfit>,
    pub(crate) resources: Vec<Defined>,
    /// Names of resources whose connector is missing or unknown.
    pub(crate) unfit_resources: Vec<String>,
    pub(crate) groups: Vec<Group>,
    pub(crate) idp_groups: Vec<(GroupName, Place)>,
    pub(crate) administrators: Option<Vec<Listed>>,
    pub(crate) auditors: Option<Vec<Listed>>,
    pub(crate) policy_approvers: Vec<PolicyApprovers>,
    pub(crate) people: Vec<Account>,
    pub(crate) chains: Vec<NamedChain>,
    pub(crate) bundles: Vec<Bundle>,
    pub(crate) tests: Vec<Trial>,
    pub(crate) guardrails: Vec<Guardrail>,
    /// What roles are compared with, to say which of them loosen it.
    pub(crate) defaults: Option<Role>,
}

/// What could be read of a role that has an error.
#[derive(Debug)]
pub(crate) struct Unfit {
    /// Its name, unless that is what is wrong.
    pub(crate) name: Option<RoleName>,
    /// With stand-ins for what could not be read.
    pub(crate) role: Role,
}

/// A resource and where its name stands.
#[derive(Debug)]
pub(crate) struct Defined {
    pub(crate) resource: Resource,
    pub(crate) place: Place,
}

/// A static group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: GroupName,
    pub(crate) members: Vec<Listed>,
    /// Whether nothing is written in it; what is wrong is not among the members either.
    pub(crate) is_empty: bool,
    pub(crate) place: Place,
}

/// A chain that roles name.
#[derive(Debug)]
pub(crate) struct NamedChain {
    pub(crate) name: String,
    pub(crate) chain: Chain,
    pub(crate) place: Place,
    /// Entries of its lists, and keys in them.
    pub(crate) entries: usize,
}

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) path: Arc<str>,
    pub(crate) root: Node,
}

impl Tree {
    fn layer(&self) -> Layer<'_> {
        Layer { file: &self.path, node: &self.root }
    }
}

/// Reads the files of a set.
pub(crate) struct Drafter<'a> {
    kinds: &'a [&'static ConnectorKind],
    pub(crate) draft: Draft,
    /// Roles tend to share patterns and expressions; each is read once.
    patterns: HashMap<String, Arc<TextPattern>>,
    expressions: HashMap<String, Expression>,
    /// For what `defaults` and named chains add to roles.
    inherited: Allowance,
    /// For expressions, in bytes.
    cedar: Allowance,
    /// For patterns, in bytes when compiled.
    compiled: Allowance,
}

impl<'a> Drafter<'a> {
    /// For a set whose text has so many bytes.
    pub(crate) fn new(kinds: &'a [&'static ConnectorKind], bytes: usize) -> Self {
        let inherited = Allowance::of(limits::POLICY_INHERITED + bytes / limits::POLICY_BYTES_PER_STEP);
        Self {
            kinds,
            draft: Draft::default(),
            patterns: HashMap::new(),
            expressions: HashMap::new(),
            inherited,
            cedar: expression::allowance(bytes),
            compiled: Allowance::of(limits::POLICY_PATTERNS + bytes * 4),
        }
    }

    /// Pays for what a role has from elsewhere. That it is too much is said once.
    fn inherits(&self, entries: usize, layer: Layer<'_>, out: &mut Problems) -> Paid {
        let said = self.inherited.is_spent();
        let paid = self.inherited.pay(entries);
        if paid == Paid::No && !said {
            let message = "from here on, what `defaults` and named chains add to the roles is too much";
            let hint = "name a group there, not its members, or divide the set";
            out.error(layer.file, layer.node.head(), "too-much", message, hint);
        }
        paid
    }

    /// Adds everything the files say, and what an environment changes of it.
    pub(crate) fn read(&mut self, trees: &[Tree], overlay: Option<&Tree>, out: &mut Problems) {
        let defaults = self.defaults(trees, out);
        for tree in trees {
            self.chains(tree.layer(), out);
        }
        for tree in trees {
            self.set(tree.layer());
        }
        self.resources(trees, overlay, out);
        self.roles(trees, overlay, defaults, out);
        for tree in trees {
            self.tests(tree.layer(), out);
        }
    }

    /// The one `defaults` of the set.
    fn defaults<'n>(&self, trees: &'n [Tree], out: &mut Problems) -> Option<Layer<'n>> {
        let mut all = trees.iter().filter_map(|tree| tree.layer().field("defaults"));
        let first = all.next()?;
        for more in all {
            let message = format!("there are `defaults` already, in {} line {}", first.file, first.place().line);
            out.error(
                more.file,
                more.key.at(),
                "duplicate-name",
                message,
                "keep one of the two: they hold for the whole set",
            );
        }
        if let Some(field) = first.layer().field("approval").filter(|f| f.text() == Some("automatic")) {
            let message = "`defaults` cannot make approval automatic: each role has to say so itself";
            let hint = "write it in the roles that you mean";
            out.error(field.file, field.value.at(), "automatic-default", message, hint);
        }
        Some(first.layer())
    }

    /// The entries of a list that name somebody.
    fn listed(&self, field: Field<'_>) -> Vec<Listed> {
        let listed =
            |node: &Node| Some(Listed { principal: leaf::requester(node)?, place: field.place_of_entry(node) });
        let mut all: Vec<Listed> = field.value.items().iter().filter_map(listed).collect();
        all.shrink_to_fit();
        all
    }

    fn listed_at(&self, layer: Layer<'_>, key: &str) -> Vec<Listed> {
        layer.field(key).map(|field| self.listed(field)).unwrap_or_default()
    }

    fn pattern(&mut self, layer: Layer<'_>, out: &mut Problems) -> Option<Arc<TextPattern>> {
        let node = layer.field("pattern")?.value;
        let text = node.text()?;
        if let Some(known) = self.patterns.get(text) {
            return Some(known.clone());
        }
        match TextPattern::new(text, &self.compiled) {
            Ok(pattern) => {
                let pattern = Arc::new(pattern);
                self.patterns.insert(text.to_owned(), pattern.clone());
                Some(pattern)
            }
            Err(why) => {
                let message = match &why {
                    NotAPattern::Wrong(why) => format!("`{}` is not a pattern: {why}", shown(text)),
                    NotAPattern::TooMany => "the patterns of the set take too much room when compiled".to_owned(),
                };
                let hint = match &why {
                    NotAPattern::Wrong(why) => advice::pattern(&why.to_string()),
                    NotAPattern::TooMany => "share patterns between roles, or put them into `defaults`",
                };
                out.error(layer.file, node.at(), "pattern", message, hint);
                None
            }
        }
    }

    fn expression(&mut self, field: Field<'_>, out: &mut Problems) -> Option<Expression> {
        let (text, place) = (field.text()?, field.place_of(field.value));
        let verbatim = field.value.verbatim();
        if text.trim().is_empty() {
            return None;
        }
        if let Some(known) = self.expressions.get(text) {
            return Some(Expression { place, verbatim, ..known.clone() });
        }
        if expression::pay(&self.cedar, text) == Paid::No {
            let hint = "share expressions between roles, or say it in a guardrail";
            out.error(field.file, field.value.at(), "too-much", "the expressions of the set are too many", hint);
            return None;
        }
        match Expression::parse(text, (place, verbatim)) {
            Ok(expression) => {
                self.expressions.insert(text.to_owned(), expression.clone());
                Some(expression)
            }
            Err(NotCedar { code, message, hint }) => {
                let at = within(field.value.at(), (text, verbatim), &message);
                out.error(field.file, at, code, message, hint);
                None
            }
        }
    }
}

impl Field<'_> {
    /// Where an entry stands: all of a text, the beginning of a mapping.
    fn place_of_entry(self, node: &Node) -> Place {
        let at = if node.text().is_some() { node.at() } else { node.head() };
        Place::new(self.file.clone(), at)
    }
}
