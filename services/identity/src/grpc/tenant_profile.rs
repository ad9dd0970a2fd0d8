//! `TenantProfileService`.

use kith_platform::etag;
use kith_platform::fields::{Fields, date_text};
use kith_platform::host;
use kith_platform::mask::Mask;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::tenant_profile_service_server::TenantProfileService;
use tonic::Request;

use super::{Reply, parse};
use crate::app::Desk;
use crate::app::tenant_profile::{Update, Word, get, list, update};
use crate::domain::account::Email;
use crate::domain::profile::{Profile, Thing};

/// The fields that an update may name.
const FIELDS: [&str; 3] = ["display_name", "mail_sender", "wording"];
/// Words in one call.
const MOST_WORDS: usize = 50;

/// The public face of how a tenant presents itself.
#[derive(Clone, Debug)]
pub struct TenantProfileFace(Desk);

impl TenantProfileFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl TenantProfileService for TenantProfileFace {
    async fn get_tenant_profile(
        &self,
        request: Request<pb::GetTenantProfileRequest>,
    ) -> Reply<pb::GetTenantProfileResponse> {
        let render = |profile: Profile| pb::GetTenantProfileResponse { profile: Some(profile.into()) };
        self.0.host.query(request, parse::nothing, get, render).await
    }

    async fn update_tenant_profile(
        &self,
        request: Request<pb::UpdateTenantProfileRequest>,
    ) -> Reply<pb::UpdateTenantProfileResponse> {
        let actor = host::actor(&request);
        let render = |profile: Profile| pb::UpdateTenantProfileResponse { profile: Some(profile.into()) };
        let answer = self.0.host.command(request, read_update, update, render).await?;
        if let Some(profile) = &answer.get_ref().profile {
            list(&self.0, actor, &profile.display_name).await?;
        }
        Ok(answer)
    }
}

fn read_update(message: pb::UpdateTenantProfileRequest, fields: &mut Fields) -> Option<Update> {
    let mask = Mask::parse(fields, message.update_mask.as_ref(), &FIELDS)?;
    let Some(profile) = message.profile else {
        return fields.wrong("profile", "is missing");
    };
    let display_name = if mask.names("display_name") {
        fields.text("profile.display_name", &profile.display_name, 1, 100).map(Some)
    } else {
        Some(None)
    };
    let mail_sender = if mask.names("mail_sender") {
        parse::optional_address(fields, "profile.mail_sender", &profile.mail_sender).map(Some)
    } else {
        Some(None)
    };
    let wording = if mask.names("wording") {
        wording(fields, "profile.wording", &profile.wording)
    } else {
        Some(Vec::new())
    };
    let etag = etag::parse(fields, &profile.etag);
    Some(Update { display_name: display_name?, mail_sender: mail_sender?, wording: wording?, etag: etag? })
}

/// Reads a tenant's own words.
pub fn wording(fields: &mut Fields, field: &str, words: &[pb::Wording]) -> Option<Vec<Word>> {
    if words.len() > MOST_WORDS {
        return fields.wrong(field, "must be at most 50");
    }
    let mut read = Vec::with_capacity(words.len());
    for (at, word) in words.iter().enumerate() {
        let within = |name: &str| format!("{field}[{at}].{name}");
        let thing = fields.choice(&within("thing"), word.thing, |thing| match thing {
            pb::WordedThing::Team => Some(Thing::Team),
            pb::WordedThing::Owner => Some(Thing::Owner),
            pb::WordedThing::Giver => Some(Thing::Giver),
            pb::WordedThing::Circle => Some(Thing::Circle),
            pb::WordedThing::Hat => Some(Thing::Hat),
            pb::WordedThing::Unspecified => None,
        });
        let singular = fields.text(&within("singular"), &word.singular, 1, 40);
        let plural = fields.text(&within("plural"), &word.plural, 1, 40);
        let valid_from = fields.optional_date(&within("valid_from"), &word.valid_from);
        let word = thing.zip(singular).zip(plural).zip(valid_from);
        read.push(word.map(|(((thing, singular), plural), valid_from)| Word {
            thing,
            singular,
            plural,
            valid_from,
        }));
    }
    read.into_iter().collect()
}

impl From<Profile> for pb::TenantProfile {
    fn from(profile: Profile) -> Self {
        let wording = profile.wording.into_iter().map(|word| pb::Wording {
            thing: match word.thing {
                Thing::Team => pb::WordedThing::Team,
                Thing::Owner => pb::WordedThing::Owner,
                Thing::Giver => pb::WordedThing::Giver,
                Thing::Circle => pb::WordedThing::Circle,
                Thing::Hat => pb::WordedThing::Hat,
            }
            .into(),
            singular: word.singular,
            plural: word.plural,
            valid_from: date_text(Some(word.valid_from)),
        });
        Self {
            display_name: profile.display_name,
            mail_sender: profile.mail_sender.as_ref().map_or("", Email::as_str).to_owned(),
            wording: wording.collect(),
            etag: etag::of(profile.version),
        }
    }
}
