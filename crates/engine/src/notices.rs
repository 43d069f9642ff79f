//! What people and programs are told, put into the outbox with the change that it tells of.
//!
//! **Invariant:** nothing is sent from here. A notice is a row of the same transaction; the server's
//! channels hand it over later, at least once.

use crate::Engine;
use crate::seams::store::Notice;
use curfew_domain::{Grant, Lease, Request, ResourceName, RoleName, Seconds, Subject, SubjectKind, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The channel of a person.
const EMAIL: &str = "email";
/// What the facts of a notice say when its receiver is told only because the role names the address: it may be a
/// mailbox of people who decide nothing.
const ONLY_NAMED: &str = "only_named";
/// How long before the end the subject hears of it.
const BEFORE_THE_END: Seconds = Seconds::new(5 * 60);

impl Engine {
    /// About a request: to its approvers when it was asked, else to its subject; and to every webhook.
    pub(crate) fn notices_of_request(&self, about: &str, request: &Request, now: Timestamp) -> Vec<Notice> {
        let data = json!({ "request": request });
        let mut to: Vec<String> = Vec::new();
        if about == "requested" {
            let policy = self.policy();
            let stages =
                request.decision.stages.iter().map(|stage| (stage.name.as_str(), request.opening(&stage.name)));
            let people = stages.flat_map(|stage| policy.deciders(&request.role, stage, &request.subject));
            let started = request.course.behind.as_ref().map(ToString::to_string);
            to.extend(people.filter(|a| a.contains('@') && Some(a) != started.as_ref()));
        }
        to.extend(request.subject.email.as_ref().map(ToString::to_string));
        self.notices_of_role(about, (&request.role, to), &data, now)
    }

    /// About a grant: to its subject, and to every webhook. With an activation goes the warning before the end.
    pub(crate) async fn notices_of_grant(&self, about: &str, grant: &Grant, now: Timestamp) -> Vec<Notice> {
        if self.audience.mail_from.is_none() && self.audience.webhooks.is_empty() {
            return Vec::new();
        }
        let request = self.store.request(grant.request_id).await.ok().flatten();
        let data = json!({ "grant": grant, "request": request });
        let to: Vec<String> = grant.subject.email.iter().map(ToString::to_string).collect();
        let mut notices = self.notices_of_role(about, (&grant.role, to.clone()), &data, now);
        if let (true, Some(until)) = (matches!(about, "activated" | "extended"), grant.until()) {
            let at = until.as_millis() - i64::from(BEFORE_THE_END.as_secs()) * 1_000;
            if at > now.as_millis() {
                let warnings = self.notices("ending_soon", &to, &data, now);
                let at = Timestamp::from_millis(at);
                notices.extend(warnings.into_iter().map(|notice| Notice { next_at: at, ..notice }));
            }
        }
        notices
    }

    /// Emergency access was taken, or nobody has looked at it in time: to those who may approve the role and so may
    /// review it, to its subject, and to every webhook.
    pub(crate) fn notices_of_break_glass(
        &self,
        about: &str,
        (grant, request): (&Grant, &Request),
        now: Timestamp,
    ) -> Vec<Notice> {
        let data = json!({ "grant": grant, "request": request });
        let approvers = self.policy().approvers_of(&grant.role);
        let mut to: Vec<String> = approvers.into_iter().filter(|a| a.contains('@')).collect();
        to.extend(grant.subject.email.as_ref().map(ToString::to_string));
        self.notices_of_role(about, (&grant.role, to), &data, now)
    }

    /// An end that takes too long: to its subject, to those whom the role names for it, and to every webhook.
    pub(crate) async fn notices_of_overdue(&self, lease: &Lease, minutes: u64, now: Timestamp) -> Vec<Notice> {
        let to: Vec<String> = lease.subject.email.iter().map(ToString::to_string).collect();
        let data = json!({ "lease": lease, "minutes": minutes });
        // An alarm does not wait for a ledger that cannot say what role it was.
        match self.store.grant(lease.grant_id).await {
            Ok(Some(grant)) => self.notices_of_role("overdue", (&grant.role, to), &data, now),
            Ok(None) | Err(_) => self.notices("overdue", &to, &data, now),
        }
    }

    /// Something in a target that the ledger cannot explain: to every webhook.
    pub(crate) fn notices_of_alarm(&self, resource: &ResourceName, message: &str, now: Timestamp) -> Vec<Notice> {
        self.notices("alarm", &[], &json!({ "resource": resource, "message": message }), now)
    }

    /// A policy that was to come into force was refused: to the administrators, and to every webhook.
    pub(crate) fn notices_of_refused_policy(&self, because: &str, actor: &Subject, now: Timestamp) -> Vec<Notice> {
        let policy = self.policy();
        let to: Vec<String> = policy.administrators_known().into_iter().filter(|a| a.contains('@')).collect();
        let actor = (actor.kind != SubjectKind::System).then(|| actor.label());
        let data = json!({ "message": because, "policy_version": policy.version(), "actor": actor });
        self.notices("policy_refused", &to, &data, now)
    }

    /// To these people, and to those whom the role names for it by address. Webhooks hear everything anyhow.
    fn notices_of_role(
        &self,
        about: &str,
        (role, to): (&RoleName, Vec<String>),
        data: &Value,
        now: Timestamp,
    ) -> Vec<Notice> {
        let policy = self.policy();
        let notify = policy.role(role).map(|role| role.notify.as_slice()).unwrap_or_default();
        let entries = notify.iter().filter(|entry| entry.on.iter().any(|on| on == heard_as(about)));
        let addresses = entries.flat_map(|entry| &entry.to).filter_map(|to| to.strip_prefix("email:"));
        // Who is told anyhow is told in their own right.
        let named: Vec<String> = addresses.map(str::to_owned).filter(|address| !to.contains(address)).collect();
        let mut notices = self.notices(about, &to, data, now);
        if named.is_empty() {
            return notices;
        }
        let mut data = data.clone();
        data[ONLY_NAMED] = Value::Bool(true);
        notices.extend(self.mails(&named).map(|to| self.notice((EMAIL, to), about, &data, now)));
        notices
    }

    fn notices(&self, about: &str, to: &[String], data: &Value, now: Timestamp) -> Vec<Notice> {
        let mails = self.mails(to).map(|to| (EMAIL, to));
        let hooks = self.audience.webhooks.iter().map(|name| ("webhook", name));
        mails.chain(hooks).map(|way| self.notice(way, about, data, now)).collect()
    }

    /// Each of these addresses once; none where no mail is sent.
    fn mails<'a>(&self, to: &'a [String]) -> impl Iterator<Item = &'a String> + use<'a> {
        let people: BTreeSet<&String> = to.iter().filter(|_| self.audience.mail_from.is_some()).collect();
        people.into_iter()
    }

    fn notice(&self, (channel, to): (&str, &String), about: &str, data: &Value, now: Timestamp) -> Notice {
        Notice {
            id: self.notice_id(),
            channel: channel.to_owned(),
            to: to.clone(),
            about: about.to_owned(),
            data: data.clone(),
            created_at: now,
            next_at: now,
            attempts: 0,
        }
    }

    fn notice_id(&self) -> String {
        let mut random = [0u8; 16];
        self.entropy.fill(&mut random);
        format!("ntc_{}", hex::encode(random))
    }
}

/// The word of `notify` under which something is heard that has none of its own.
fn heard_as(about: &str) -> &str {
    match about {
        "break_glass" => "requested",
        "review_overdue" => "overdue",
        other => other,
    }
}
