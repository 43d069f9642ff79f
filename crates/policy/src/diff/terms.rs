//! Expressions as truths over facts, and the facts as axes to walk along.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A truth over the facts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Formula {
    Always(bool),
    Not(Box<Formula>),
    And(Box<Formula>, Box<Formula>),
    Or(Box<Formula>, Box<Formula>),
    If(Box<Formula>, Box<Formula>, Box<Formula>),
    /// Something that is true or not, whatever the rest is.
    Plain(usize),
    /// A number against a constant.
    Number(usize, Relation, i64),
    /// Whether a text is this one.
    Text(usize, String),
}

/// How a number stands to a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Less,
    LessOrEqual,
    Equal,
}

/// What a fact can be.
#[derive(Debug)]
enum Axis {
    /// True or false.
    Plain,
    /// The whole numbers it is compared with and those beside them, which stand for all others.
    Number(BTreeSet<i64>),
    /// The texts it is compared with. It may be each, or none.
    Text(BTreeSet<String>),
}

/// Reads several expressions over the same facts.
#[derive(Debug, Default)]
pub(super) struct Reader {
    axes: Vec<Axis>,
    known: BTreeMap<String, usize>,
    /// Something was taken for a fact of its own that may hang together with another.
    doubtful: bool,
    depth: usize,
}

/// Expressions are not deeper than this.
const DEEPEST: usize = 200;

impl Reader {
    /// From Cedar's JSON form; none when it is too deep.
    pub(super) fn read(&mut self, value: &Value) -> Option<Formula> {
        self.depth += 1;
        let formula = if self.depth > DEEPEST { None } else { self.operator(value) };
        self.depth -= 1;
        formula
    }

    fn operator(&mut self, value: &Value) -> Option<Formula> {
        let Some((operator, of)) = value.as_object().filter(|m| m.len() == 1).and_then(|m| m.iter().next()) else {
            return self.plain(value);
        };
        let side = |name: &str| of.get(name);
        match operator.as_str() {
            "Value" => match of.as_bool() {
                Some(truth) => Some(Formula::Always(truth)),
                None => self.plain(value),
            },
            "!" => Some(Formula::Not(Box::new(self.read(side("arg")?)?))),
            "&&" => Some(Formula::And(self.boxed(side("left")?)?, self.boxed(side("right")?)?)),
            "||" => Some(Formula::Or(self.boxed(side("left")?)?, self.boxed(side("right")?)?)),
            "if-then-else" => {
                Some(Formula::If(self.boxed(side("if")?)?, self.boxed(side("then")?)?, self.boxed(side("else")?)?))
            }
            "<" | "<=" | ">" | ">=" | "==" | "!=" => self.comparison(operator, side("left")?, side("right")?, value),
            _ => self.plain(value),
        }
    }

    fn boxed(&mut self, value: &Value) -> Option<Box<Formula>> {
        self.read(value).map(Box::new)
    }

    fn comparison(&mut self, operator: &str, left: &Value, right: &Value, whole: &Value) -> Option<Formula> {
        if let Some(number) = number(right) {
            return Some(self.number(left, operator, number));
        }
        if let Some(number) = number(left) {
            let mirrored = match operator {
                "<" => ">",
                "<=" => ">=",
                ">" => "<",
                ">=" => "<=",
                same => same,
            };
            return Some(self.number(right, mirrored, number));
        }
        let equal = match (text(left), text(right), operator) {
            (_, Some(text), "==" | "!=") => self.text(left, text),
            (Some(text), _, "==" | "!=") => self.text(right, text),
            _ => return self.plain(whole),
        };
        Some(if operator == "!=" { Formula::Not(Box::new(equal)) } else { equal })
    }

    fn number(&mut self, term: &Value, operator: &str, constant: i64) -> Formula {
        self.doubtful |= !is_access(term);
        let axis = self.axis(term, 'n', || Axis::Number(BTreeSet::new()));
        if let Axis::Number(constants) = &mut self.axes[axis] {
            constants.extend([constant.saturating_sub(1), constant, constant.saturating_add(1)]);
        }
        let not = |relation| Formula::Not(Box::new(Formula::Number(axis, relation, constant)));
        match operator {
            "<" => Formula::Number(axis, Relation::Less, constant),
            "<=" => Formula::Number(axis, Relation::LessOrEqual, constant),
            ">" => not(Relation::LessOrEqual),
            ">=" => not(Relation::Less),
            "!=" => not(Relation::Equal),
            _ => Formula::Number(axis, Relation::Equal, constant),
        }
    }

    fn text(&mut self, term: &Value, constant: &str) -> Formula {
        self.doubtful |= !is_access(term);
        let axis = self.axis(term, 't', || Axis::Text(BTreeSet::new()));
        if let Axis::Text(constants) = &mut self.axes[axis] {
            constants.insert(constant.to_owned());
        }
        Formula::Text(axis, constant.to_owned())
    }

    /// Anything else is a truth of its own. Of some it is known that they depend on nothing else.
    fn plain(&mut self, value: &Value) -> Option<Formula> {
        self.doubtful |= !is_independent(value);
        Some(Formula::Plain(self.axis(value, 'p', || Axis::Plain)))
    }

    fn axis(&mut self, term: &Value, kind: char, new: impl FnOnce() -> Axis) -> usize {
        // A term that is compared in two ways is two facts that hang together.
        let others = ['n', 't', 'p'].into_iter().filter(|other| *other != kind);
        let name = term.to_string();
        self.doubtful |= others.into_iter().any(|other| self.known.contains_key(&format!("{other}{name}")));
        let axes = &mut self.axes;
        *self.known.entry(format!("{kind}{name}")).or_insert_with(|| {
            axes.push(new());
            axes.len() - 1
        })
    }

    /// How many places there are on each axis.
    pub(super) fn axes(&self) -> Vec<usize> {
        let size = |axis: &Axis| match axis {
            Axis::Plain => 2,
            Axis::Number(constants) => constants.len(),
            Axis::Text(constants) => constants.len() + 1,
        };
        self.axes.iter().map(size).collect()
    }

    /// Whether every combination of places can happen.
    pub(super) fn is_exact(&self) -> bool {
        !self.doubtful
    }

    /// The truth of a formula at one place on each axis.
    pub(super) fn holds(&self, formula: &Formula, at: &[usize]) -> bool {
        match formula {
            Formula::Always(truth) => *truth,
            Formula::Not(of) => !self.holds(of, at),
            Formula::And(a, b) => self.holds(a, at) && self.holds(b, at),
            Formula::Or(a, b) => self.holds(a, at) || self.holds(b, at),
            Formula::If(a, b, c) => {
                if self.holds(a, at) {
                    self.holds(b, at)
                } else {
                    self.holds(c, at)
                }
            }
            Formula::Plain(axis) => at[*axis] == 1,
            Formula::Number(axis, relation, constant) => {
                let Axis::Number(constants) = &self.axes[*axis] else { return false };
                let Some(number) = constants.iter().nth(at[*axis]) else { return false };
                match relation {
                    Relation::Less => number < constant,
                    Relation::LessOrEqual => number <= constant,
                    Relation::Equal => number == constant,
                }
            }
            Formula::Text(axis, constant) => {
                let Axis::Text(constants) = &self.axes[*axis] else { return false };
                constants.iter().nth(at[*axis]) == Some(constant)
            }
        }
    }
}

/// Facts that are true or not by themselves: an attribute, and whether one of the request's sets has a word.
fn is_independent(value: &Value) -> bool {
    if is_access(value) {
        return true;
    }
    let contains = value.get("contains");
    contains
        .is_some_and(|of| of.get("left").is_some_and(is_access) && of.get("right").is_some_and(|r| text(r).is_some()))
}

fn is_access(value: &Value) -> bool {
    value.get(".").is_some()
}

fn text(value: &Value) -> Option<&str> {
    value.get("Value")?.as_str()
}

/// A whole number, or a duration in milliseconds.
fn number(value: &Value) -> Option<i64> {
    if let Some(number) = value.get("Value").and_then(Value::as_i64) {
        return Some(number);
    }
    let written = value.get("duration")?.as_array()?.first()?;
    milliseconds(text(written)?)
}

/// Cedar's durations: `1d2h3m4s5ms`, each unit once and in this order.
fn milliseconds(text: &str) -> Option<i64> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut total = 0_i64;
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let (_, size) = units.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(*size)?)?;
        rest = after;
    }
    total.checked_mul(sign)
}
