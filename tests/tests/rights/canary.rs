//! Somebody who is nowhere else: whatever is found of them was put in by them.

use kith_proto::finance::v1 as finance;
use kith_proto::identity::v1 as identity;
use kith_proto::matching::v1 as matching;
use kith_proto::teams::v1 as teams;

use super::journey::Journey;

/// Somebody who is nowhere else, with things to say that are nowhere else.
pub struct Canary {
    pub id: String,
    pub email: String,
    pub password: String,
    /// What must be gone in the end.
    pub words: Vec<String>,
}

impl Journey {
    /// Somebody who joins, starts a Team, pays for it privately and gives support too; everybody has heard of it.
    pub async fn canary(&self, name: &str) -> Canary {
        let canary = self.begin_canary(name).await;
        self.people.until_settled().await;
        canary
    }

    /// The same as far as it is up to them.
    pub async fn begin_canary(&self, name: &str) -> Canary {
        let display_name = format!("Zebulon {name} Quartermain");
        let email = format!("canary.{name}@quartermain.example").to_lowercase();
        let password = format!("the canary pass phrase of {name}");
        let (billing_name, billing_address) =
            (format!("Messrs Quartermain for {name}"), format!("{name} Lodge, Canary Wharf Lane"));
        let invite =
            identity::InvitePersonRequest { display_name: display_name.clone(), ..Default::default() };
        let invited: identity::InvitePersonResponse =
            self.administrator().ask(invite).await.expect("invited");
        let id = invited.person.expect("a person").id;
        let person = self.people.with_id(&id);
        let accept = identity::AcceptInvitationRequest {
            invitation: invited.invitation.clone(),
            email: email.clone(),
            password: password.clone(),
            ..Default::default()
        };
        let _: identity::AcceptInvitationResponse = person.ask(accept).await.expect("joined");
        let circle_id = person.circle().await;
        let start = teams::StartTeamRequest { circle_id, outward_code: "EH7".into(), ..Default::default() };
        let team: teams::StartTeamResponse = person.ask(start).await.expect("a Team");
        let payer = finance::Payer {
            id: self.people.uuid().to_string(),
            team_id: team.team.expect("a Team").id,
            kind: finance::PayerKind::Private.into(),
            billing_name: billing_name.clone(),
            billing_address: billing_address.clone(),
        };
        let add = finance::AddPayerRequest { payer: Some(payer), ..Default::default() };
        let _: finance::AddPayerResponse = person.ask(add).await.expect("a payer");
        let register = matching::RegisterGiverRequest {
            status: matching::GiverStatus::Volunteer.into(),
            outward_code: "EH7".into(),
            ..Default::default()
        };
        let _: matching::RegisterGiverResponse = person.ask(register).await.expect("a giver");
        let (paper, place) = (format!("Quartermain's wish of {name}"), format!("a drawer at {name} Lodge"));
        person.record_legal_fact(&paper, &place).await;
        let mut words = vec![display_name, email.clone(), password.clone()];
        words.extend([billing_name, billing_address, paper, place]);
        Canary { id, email, password, words }
    }
}
