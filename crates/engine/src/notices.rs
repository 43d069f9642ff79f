//! What people and programs are told, put into the outbox with the change that it tells of.
//!
//! **Invariant:** nothing is sent from here. A notice is a row of the same transaction; the server's
//! channels hand it over later, at least once.

use crate::Engine;
use crate::seams::store::Notice;
use curfew_domain::{Grant, Lease, Request, ResourceName, RoleName, Seconds, Timestamp};
use serde_json::{Value, json};

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

    /// An end that takes too long: to every webhook, and to its subject.
    pub(crate) fn notices_of_overdue(&self, lease: &Lease, minutes: u64, now: Timestamp) -> Vec<Notice> {
        let to: Vec<String> = lease.subject.email.iter().map(ToString::to_string).collect();
        self.notices("overdue", &to, &json!({ "lease": lease, "minutes": minutes }), now)
    }

    /// Something in a target that the ledger cannot explain: to every webhook.
    pub(crate) fn notices_of_alarm(&self, resource: &ResourceName, message: &str, now: Timestamp) -> Vec<Notice> {
        self.notices("alarm", &[], &json!({ "resource": resource, "message": message }), now)
    }

    /// To these people, and to those whom the role names for it by address. Webhooks hear everything anyhow.
    fn notices_of_role(
        &self,
        about: &str,
        (role, to): (&RoleName, Vec<String>),
        data: &Value,
        now: Timestamp,
    ) -> Vec<Notice> {
        let mut to = to;
        let policy = self.policy();
        let notify = policy.role(role).map(|role| role.notify.as_slice()).unwrap_or_default();
        for entry in notify.iter().filter(|entry| entry.on.iter().any(|on| on == heard_as(about))) {
            to.extend(entry.to.iter().filter_map(|to| to.strip_prefix("email:")).map(str::to_owned));
        }
        self.notices(about, &to, data, now)
    }

    fn notices(&self, about: &str, to: &[String], data: &Value, now: Timestamp) -> Vec<Notice> {
        let mut people: Vec<&String> = to.iter().collect();
        people.sort();
        people.dedup();
        let mails = people.into_iter().filter(|_| self.audience.mail_from.is_some()).map(|to| ("email", to));
        let hooks = self.audience.webhooks.iter().map(|name| ("webhook", name));
        let notice = |(channel, to): (&str, &String)| Notice {
            id: self.notice_id(),
            channel: channel.to_owned(),
            to: to.clone(),
            about: about.to_owned(),
            data: data.clone(),
            created_at: now,
            next_at: now,
            attempts: 0,
        };
        mails.chain(hooks).map(notice).collect()
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
