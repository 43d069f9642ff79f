//! What to do about a token that was refused.

use super::Issuers;
use super::checks::TokenRefused;

impl Issuers {
    /// For whoever sent it; it says no more than `GET /sign-in-methods` does.
    pub(crate) fn hint(&self, why: TokenRefused) -> String {
        match why {
            TokenRefused::UnknownIssuer | TokenRefused::OtherAudience | TokenRefused::TwoAudiences => self.taken(),
            TokenRefused::UsedBefore => "A token is taken for one key, which stands in the job's state folder: keep \
                CURFEW_STATE from one command of the job to the next, or have another token made."
                .to_owned(),
            TokenRefused::Expired | TokenRefused::Over => "Have another token made.".to_owned(),
            TokenRefused::TooLong => "Have one made for a shorter time.".to_owned(),
            TokenRefused::TooEarly => "Try again once the clocks agree.".to_owned(),
            TokenRefused::Malformed
            | TokenRefused::Lacks
            | TokenRefused::NotATime
            | TokenRefused::Algorithm
            | TokenRefused::NoKeyId
            | TokenRefused::UnknownKey
            | TokenRefused::Signature
            | TokenRefused::Ambiguous
            | TokenRefused::NoRun => "Send the token as the job's provider made it.".to_owned(),
        }
    }

    fn taken(&self) -> String {
        let issuers = self.listed().into_iter();
        let taken = issuers.map(|issuer| format!("of `{}` for the audience `{}`", issuer.name, issuer.audience));
        format!("This server takes tokens {}.", taken.collect::<Vec<_>>().join(", "))
    }
}
