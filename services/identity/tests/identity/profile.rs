//! A tenant is created in one act with all that makes it its own, and changes how it presents itself.

use kith_identity::{Desk, TenantProfileFace};
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::tenant_profile_service_server::TenantProfileService as _;
use kith_proto::identity::v1::tenant_service_server::TenantService as _;
use prost::Message as _;
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::stage::{Place, Stage, by};

fn word(singular: &str, valid_from: &str) -> pb::Wording {
    pb::Wording {
        thing: pb::WordedThing::Team.into(),
        singular: singular.into(),
        plural: format!("{singular}s"),
        valid_from: valid_from.into(),
    }
}

struct Own {
    stage: Stage,
    face: TenantProfileFace,
    place: Place,
}

impl Own {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let operator = stage.operator().await;
        let request = pb::CreateTenantRequest {
            administrator_name: "Ada".into(),
            administrator_email: "ada@clapton.example".into(),
            mail_sender: "hello@clapton.example".into(),
            wording: vec![word("Nest", "")],
            first_circle_id: stage.id(),
            ..stage.create("clapton")
        };
        let created = stage.tenants.create_tenant(by(operator, request.clone())).await.expect("created");
        let created = created.into_inner();
        let again = stage.tenants.create_tenant(by(operator, request)).await.expect("the same");
        assert_eq!(again.into_inner(), created);
        stage.accept(&created.administrator_invitation, "ada@clapton.example").await.expect("joined");
        let tokens = stage.tokens("ada@clapton.example", "").await;
        let administrator = stage.actor(&tokens);
        let place = Place { tenant: created.tenant.expect("a tenant"), administrator };
        Self { face: TenantProfileFace::new(Desk::new(stage.host.clone())), stage, place }
    }

    async fn get(&self) -> pb::TenantProfile {
        let answer =
            self.face.get_tenant_profile(by(self.place.administrator, pb::GetTenantProfileRequest {}));
        answer.await.expect("the profile").into_inner().profile.expect("a profile")
    }

    async fn update(&self, profile: pb::TenantProfile, paths: &[&str]) -> Result<pb::TenantProfile, Status> {
        let request = pb::UpdateTenantProfileRequest {
            request_id: self.stage.id(),
            profile: Some(profile),
            update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).into()).collect() }),
        };
        let answer = self.face.update_tenant_profile(by(self.place.administrator, request)).await?;
        Ok(answer.into_inner().profile.expect("a profile"))
    }
}

#[tokio::test]
async fn a_tenant_has_its_own_name_words_and_address_from_the_first_moment() {
    let own = Own::new().await;
    let profile = own.get().await;
    assert_eq!(profile.mail_sender, "hello@clapton.example");
    assert_eq!(profile.wording, [word("Nest", "2026-11-21")]);
    let events = own.stage.world.written(&own.stage.host).await;
    let created = pb::TenantCreated::decode(payload(&events[0]).as_slice()).expect("the event");
    let state = created.state.expect("its state");
    assert!(!state.first_circle_id.is_empty() && !state.founder_person_id.is_empty());
    for event in &events {
        let text = String::from_utf8_lossy(&payload(event)).to_lowercase();
        for told in ["ada", "clapton", "nest", "hello", "co-op"] {
            assert!(!text.contains(told), "{} says {told}", event.event_type);
        }
    }
    let mut admin = own.stage.world.admin(&own.stage.host).await;
    let kept: i64 = sqlx::query_scalar("select count(*) from signin.invitation where send_to is not null")
        .fetch_one(&mut admin)
        .await
        .expect("a count");
    assert_eq!(kept, 0, "where the invitation was to be sent is forgotten once it is taken up");
}

fn payload(message: &kith_platform::broker::Message) -> Vec<u8> {
    message.payload.clone()
}

#[tokio::test]
async fn an_update_changes_what_its_mask_names_and_nothing_else() {
    let own = Own::new().await;
    let before = own.get().await;
    let wanted = pb::TenantProfile {
        display_name: "Clapton Care".into(),
        mail_sender: String::new(),
        wording: vec![word("Crew", "2027-01-01")],
        etag: before.etag.clone(),
    };
    let renamed = own.update(wanted.clone(), &["display_name"]).await.expect("renamed");
    let expected = pb::TenantProfile {
        display_name: "Clapton Care".into(),
        etag: renamed.etag.clone(),
        ..before.clone()
    };
    assert_eq!(renamed, expected);
    assert_ne!(renamed.etag, before.etag);
    let stale = own.update(wanted.clone(), &["mail_sender"]).await.expect_err("stale");
    assert_eq!(reason(&stale), (Code::Aborted, "STALE_ETAG".into()));
    let rest = pb::TenantProfile { etag: renamed.etag, ..wanted };
    let rest = own.update(rest, &["mail_sender", "wording"]).await.expect("changed");
    assert_eq!(rest.mail_sender, "");
    assert_eq!(rest.wording, [word("Nest", "2026-11-21"), word("Crew", "2027-01-01")]);
    assert_eq!(own.get().await, rest);

    for (paths, wrong) in [
        (vec![], "update_mask"),
        (vec!["display_name", "slug"], "update_mask.paths[1]"),
        (vec!["*"], "update_mask.paths[0]"),
        (vec!["display_name"], "profile.display_name"),
    ] {
        let refused = own.update(pb::TenantProfile::default(), &paths).await.expect_err("refused");
        assert_eq!(wrong_fields(&refused), [wrong], "{paths:?}");
    }
    let member = own.stage.joined(&own.place, "giver@example.org", &[]).await;
    let request = pb::UpdateTenantProfileRequest {
        request_id: own.stage.id(),
        profile: Some(rest),
        update_mask: Some(FieldMask { paths: vec!["wording".into()] }),
    };
    let refused = own.face.update_tenant_profile(by(member, request)).await.expect_err("not theirs");
    assert_eq!(reason(&refused), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
}
