//! `ConsentService`.

use kith_platform::Host;
use kith_platform::etag;
use kith_platform::fields::{Fields, date_text, timestamp};
use kith_platform::id::Uuid;
use kith_platform::page::Page;
use kith_proto::common::v1::{self as common, ConsentState, GranteeKind};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::consent_service_server::ConsentService;
use tonic::Request;

use super::{Reply, parse};
use crate::app;
use crate::domain::ConsentId;
use crate::domain::consent::{Consent, Grantee, State, Terms, Version, Word, WordKind};

/// Longest word of a consent, in characters.
const LONGEST_WORD: usize = 100;

/// The public face of consents.
#[derive(Clone, Debug)]
pub struct ConsentsFace(Host);

impl ConsentsFace {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl ConsentService for ConsentsFace {
    async fn give_consent(&self, request: Request<pb::GiveConsentRequest>) -> Reply<pb::GiveConsentResponse> {
        self.0
            .command(request, give, app::consent::give, |consent| pb::GiveConsentResponse {
                consent: Some(consent.into()),
            })
            .await
    }

    async fn withdraw_consent(
        &self,
        request: Request<pb::WithdrawConsentRequest>,
    ) -> Reply<pb::WithdrawConsentResponse> {
        let parse = |message: pb::WithdrawConsentRequest, fields: &mut Fields| {
            fields.id::<ConsentId>("consent_id", &message.consent_id)
        };
        self.0
            .command(request, parse, app::consent::withdraw, |consent| pb::WithdrawConsentResponse {
                consent: Some(consent.into()),
            })
            .await
    }

    async fn list_consents(
        &self,
        request: Request<pb::ListConsentsRequest>,
    ) -> Reply<pb::ListConsentsResponse> {
        self.0
            .query(request, list, app::consent::list, |(consents, next_page_token)| {
                pb::ListConsentsResponse {
                    consents: consents.into_iter().map(Into::into).collect(),
                    next_page_token,
                }
            })
            .await
    }

    async fn get_consent(&self, request: Request<pb::GetConsentRequest>) -> Reply<pb::GetConsentResponse> {
        let parse =
            |message: pb::GetConsentRequest, fields: &mut Fields| fields.id::<ConsentId>("id", &message.id);
        self.0
            .query(request, parse, app::consent::get, |(consent, history)| pb::GetConsentResponse {
                consent: Some(consent.into()),
                history: history.into_iter().map(Into::into).collect(),
            })
            .await
    }

    async fn list_consent_words(
        &self,
        request: Request<pb::ListConsentWordsRequest>,
    ) -> Reply<pb::ListConsentWordsResponse> {
        self.0
            .query(request, parse::nothing, app::consent::words, |words| pb::ListConsentWordsResponse {
                words: words.into_iter().map(Into::into).collect(),
            })
            .await
    }
}

fn give(message: pb::GiveConsentRequest, fields: &mut Fields) -> Option<app::consent::Give> {
    let id = fields.optional_id("id", &message.id);
    let part = fields.text("part", &message.part, 1, LONGEST_WORD);
    let purpose = fields.text("purpose", &message.purpose, 1, LONGEST_WORD);
    let grantee = match &message.grantee {
        Some(grantee) => read_grantee(grantee, fields),
        None => fields.wrong("grantee", "is missing"),
    };
    let valid_from = fields.optional_date("valid_from", &message.valid_from);
    let valid_until = fields.date("valid_until", &message.valid_until);
    Some(app::consent::Give {
        id: id?,
        terms: Terms { part: part?, purpose: purpose?, grantee: grantee? },
        valid_from: valid_from?,
        valid_until: valid_until?,
    })
}

fn read_grantee(message: &common::Grantee, fields: &mut Fields) -> Option<Grantee> {
    let kind = fields.choice("grantee.kind", message.kind, |kind: GranteeKind| match kind {
        GranteeKind::Unspecified => None,
        kind => Some(kind),
    })?;
    if kind == GranteeKind::Hat {
        let hat = fields.text("grantee.hat", &message.hat, 1, LONGEST_WORD);
        let team = fields.optional_id::<Uuid>("grantee.id", &message.id);
        return Some(Grantee::Hat(hat?, team?));
    }
    if !message.hat.is_empty() {
        fields.wrong::<()>("grantee.hat", "is for hats only");
    }
    let id = fields.id::<Uuid>("grantee.id", &message.id)?;
    Some(if kind == GranteeKind::Person { Grantee::Person(id) } else { Grantee::Team(id) })
}

fn list(message: pb::ListConsentsRequest, fields: &mut Fields) -> Option<app::consent::List> {
    let filters = ("consents", message.with_withdrawn);
    let page = Page::parse(fields, message.page_size, &message.page_token, &filters);
    Some(app::consent::List { with_withdrawn: message.with_withdrawn, page: page? })
}

fn state(state: State) -> i32 {
    match state {
        State::Given => ConsentState::Given.into(),
        State::Withdrawn => ConsentState::Withdrawn.into(),
    }
}

impl From<Consent> for pb::Consent {
    fn from(consent: Consent) -> Self {
        Self {
            id: consent.id.to_string(),
            person_id: consent.person.to_string(),
            grantee: Some(crate::events::grantee(&consent.terms.grantee)),
            part: consent.terms.part,
            purpose: consent.terms.purpose,
            valid_from: date_text(Some(consent.period.valid_from)),
            valid_until: date_text(Some(consent.period.valid_until)),
            state: state(consent.state),
            version: consent.version,
            create_time: Some(timestamp(consent.given_at)),
            etag: etag::of(consent.version),
        }
    }
}

impl From<Version> for pb::ConsentVersion {
    fn from(version: Version) -> Self {
        Self {
            version: version.number,
            state: state(version.state),
            valid_from: date_text(Some(version.period.valid_from)),
            valid_until: date_text(Some(version.period.valid_until)),
            changed_by_person_id: version.changed_by.to_string(),
            change_time: Some(timestamp(version.changed_at)),
        }
    }
}

impl From<Word> for pb::ConsentWord {
    fn from(word: Word) -> Self {
        let kind = match word.kind {
            WordKind::Part => pb::ConsentWordKind::Part,
            WordKind::Purpose => pb::ConsentWordKind::Purpose,
            WordKind::Hat => pb::ConsentWordKind::Hat,
        };
        Self { kind: kind.into(), word: word.text, meaning: word.meaning }
    }
}
