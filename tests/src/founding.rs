//! A tenant that its host founds with one command: for journeys that need more than the one of the month.

use kith_platform::id::{PersonId, TenantId};
use kith_proto::common::v1::OrganisationRole;
use kith_proto::identity::v1 as identity;

use crate::people::{People, Someone};
use crate::stack::Stack;

/// The password of everybody who joins here.
pub const PASSWORD: &str = "a pass phrase that is long enough";

/// A live tenant, its administrator and its first Circle.
#[derive(Debug)]
pub struct Founded {
    /// Its short name.
    pub slug: String,
    /// Who calls in its name.
    pub people: People,
    /// Its administrator.
    pub administrator: PersonId,
    /// How the administrator signs in.
    pub email: String,
    /// Its first Circle, which may not be there yet.
    pub circle: String,
}

impl Founded {
    /// Founds it; its administrator joins and takes it live. The mail addresses of its people hold the mark.
    ///
    /// # Panics
    /// Where that does not succeed.
    pub async fn new(stack: &Stack, slug: &str, mark: &str) -> Self {
        let (name, administrator) = (format!("{mark} place"), format!("{mark} administrator"));
        let arguments = ["tenant", "create", slug, "--name", &name, "--administrator", &administrator];
        let output = stack.kith(&arguments).output().expect("kith is built");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = |start: &str| {
            let found = said.lines().find_map(|line| line.strip_prefix(start));
            found.unwrap_or_else(|| panic!("no {start} in {said}")).trim().to_owned()
        };
        let tenant = TenantId(line("id ").parse().expect("a UUID"));
        let people = People::of_tenant(stack, tenant).await;
        let administrator = people.named(&administrator).id;
        let email = format!("administrator.{mark}@somewhere.example");
        let founded =
            Self { slug: slug.to_owned(), people, administrator, email, circle: line("first circle ") };
        founded.joins(founded.administrator, &line("invitation "), &founded.email).await;
        let live: identity::GoLiveResponse =
            founded.administrator().ask(identity::GoLiveRequest::default()).await.expect("live");
        assert!(live.tenant.is_some());
        founded.people.until_settled().await;
        founded
    }

    /// Its administrator.
    pub fn administrator(&self) -> Someone<'_> {
        self.people.with_id(&self.administrator.to_string())
    }

    /// Somebody who was invited with these roles and has joined.
    ///
    /// # Panics
    /// Where that does not succeed.
    pub async fn invite(&self, display_name: &str, email: &str, roles: &[OrganisationRole]) -> PersonId {
        let invite =
            identity::InvitePersonRequest { display_name: display_name.to_owned(), ..Default::default() };
        let invited: identity::InvitePersonResponse =
            self.administrator().ask(invite).await.expect("invited");
        let person_id = invited.person.expect("a person").id;
        let id = PersonId(person_id.parse().expect("a UUID"));
        self.joins(id, &invited.invitation, email).await;
        if !roles.is_empty() {
            let roles = roles.iter().map(|role| (*role).into()).collect();
            let set = identity::SetRolesRequest { person_id, roles, ..Default::default() };
            let _: identity::SetRolesResponse = self.administrator().ask(set).await.expect("roles");
        }
        id
    }

    async fn joins(&self, id: PersonId, invitation: &str, email: &str) {
        let accept = identity::AcceptInvitationRequest {
            invitation: invitation.to_owned(),
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            ..Default::default()
        };
        let who = self.people.with_id(&id.to_string());
        let _: identity::AcceptInvitationResponse = who.ask(accept).await.expect("joined");
    }
}
