//! Host, tenant and people: everybody is invited, takes up their invitation and can sign in.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use kith_proto::common::v1::OrganisationRole;
use kith_proto::identity::v1::{
    AcceptInvitationRequest, CreateTenantRequest, GetTenantRequest, InvitePersonRequest, ListPeopleRequest,
};
use tonic::Code;

use super::accounts::Accounts;
use super::plan::{Plan, respondents_without_a_name};
use super::progress::{Count, for_each, say};
use super::scenario::{Scenario, Scope};
use super::world::{People, Person};
use crate::client::{Hub, Session};
use crate::operator::become_first;

/// Where the host's own things are.
pub struct Host<'a> {
    /// Address of the operator's account.
    pub operator_email: &'a str,
    /// Private file with the one-time code.
    pub code_file: &'a Path,
}

/// A person to be there.
struct Wanted<'a> {
    person: &'a Person,
    name: &'a str,
    roles: Vec<OrganisationRole>,
}

/// Brings in the tenant and its people; says whether the tenant was there before.
pub async fn bring_in(
    hub: &Hub,
    scenario: &Scenario,
    plan: &Plan,
    accounts: &Accounts,
    host: &Host<'_>,
) -> Result<(People, bool)> {
    let administrator = accounts.member("administrator", "the administrator");
    let mut was_there = administrator.can_sign_in().await?;
    if !was_there {
        let operator = operator(hub, accounts, host).await?;
        was_there = !found_tenant(hub, scenario, plan, &operator, &administrator).await?;
    }
    check_tenant(scenario, &administrator).await?;
    let people = cast(scenario, plan, accounts, administrator);
    invite(hub, scenario, &people).await?;
    Ok((people, was_there))
}

/// Signs the operator in; the first one ever spends the host code.
async fn operator(hub: &Hub, accounts: &Accounts, host: &Host<'_>) -> Result<Session> {
    let operator = accounts.operator(host.operator_email);
    if operator.can_sign_in().await? {
        return Ok(operator);
    }
    become_first(hub, &operator, host.code_file).await?;
    say("the host has its first operator");
    Ok(operator)
}

/// Founds the tenant; says whether it was this run that did.
async fn found_tenant(
    hub: &Hub,
    scenario: &Scenario,
    plan: &Plan,
    operator: &Session,
    administrator: &Session,
) -> Result<bool> {
    let request = CreateTenantRequest {
        request_id: String::new(),
        id: plan.lasting_id("tenant", &[]),
        slug: scenario.tenant.clone(),
        display_name: scenario.tenant.clone(),
        time_zone: scenario.zone.name().to_owned(),
        // The scenario has a circle of its own, founded by its administrator.
        ..CreateTenantRequest::default()
    };
    let created = operator.call(request).await?;
    if created.administrator_invitation.is_empty() {
        // Used: by another run of this command in the meantime, or by somebody else before.
        ensure!(
            administrator.can_sign_in().await?,
            "the tenant {:?} is there, and {} cannot sign in to it with the passwords of this folder",
            scenario.tenant,
            administrator.email()
        );
        return Ok(false);
    }
    accept(hub, administrator, created.administrator_invitation).await?;
    say(&format!("the tenant {:?} is in preparation", scenario.tenant));
    Ok(true)
}

async fn check_tenant(scenario: &Scenario, administrator: &Session) -> Result<()> {
    let answer = administrator.call(GetTenantRequest {}).await?;
    let tenant = answer.tenant.context("the tenant is missing in the answer")?;
    if tenant.time_zone != scenario.zone.name() {
        bail!(
            "time_zone: the tenant {:?} lives by {}, the scenario by {}",
            scenario.tenant,
            tenant.time_zone,
            scenario.zone.name()
        );
    }
    Ok(())
}

/// Who everybody is. Another month that says something else of `g1` speaks of another person.
fn cast(scenario: &Scenario, plan: &Plan, accounts: &Accounts, administrator: Session) -> People {
    let person = |kind: &str, names: &[&str], who: &str| {
        let id = plan.lasting_id(kind, names);
        let account = format!("{kind}.{}.{}", names[0], &id[..8]);
        Person { session: accounts.member(&account, who), id }
    };
    let owners = scenario.teams.iter().map(|team| {
        let names = [team.id.as_str(), &team.owner];
        (team.id.clone(), person("owner", &names, &team.owner))
    });
    let givers = scenario.givers.iter().map(|giver| {
        let names = [giver.id.as_str(), &giver.name, giver.status.as_str_name(), &giver.outward_code];
        (giver.id.clone(), person("giver", &names, &giver.name))
    });
    let others = scenario.rounds.iter().map(|round| {
        let key = round.scope.key();
        let others = (1..=respondents_without_a_name(scenario, &round.scope)).map(|number| {
            let name = name_of_other(scenario, &round.scope, number);
            person("other", &[key, &name], &name)
        });
        (key.to_owned(), others.collect())
    });
    let others = others.collect();
    People {
        others,
        administrator,
        checks: person("office", &["checks"], CHECKS_NAME),
        finance: person("office", &["finance"], FINANCE_NAME),
        owners: owners.collect(),
        givers: givers.collect(),
    }
}

/// What somebody goes by of whom the scenario says only what they answered.
fn name_of_other(scenario: &Scenario, scope: &Scope, number: usize) -> String {
    match scope {
        Scope::Circle => format!("Member {number} of {}", scenario.circle),
        Scope::Team(team) => format!("Friend {number} of {}", scenario.team(team).owner),
    }
}

const CHECKS_NAME: &str = "Checks Person";
const FINANCE_NAME: &str = "Numbers Person";

/// Invites whoever is not there, and takes up the invitations that wait.
async fn invite(hub: &Hub, scenario: &Scenario, people: &People) -> Result<()> {
    let mut wanted = vec![
        Wanted { person: &people.checks, name: CHECKS_NAME, roles: vec![OrganisationRole::Checks] },
        Wanted { person: &people.finance, name: FINANCE_NAME, roles: Vec::new() },
    ];
    for team in &scenario.teams {
        wanted.push(Wanted { person: &people.owners[&team.id], name: &team.owner, roles: Vec::new() });
    }
    for giver in &scenario.givers {
        wanted.push(Wanted { person: &people.givers[&giver.id], name: &giver.name, roles: Vec::new() });
    }
    let mut others = Vec::new();
    for round in &scenario.rounds {
        for (person, number) in people.others[round.scope.key()].iter().zip(1..) {
            others.push((person, name_of_other(scenario, &round.scope, number)));
        }
    }
    for (person, name) in &others {
        wanted.push(Wanted { person, name, roles: Vec::new() });
    }
    let joined = joined(&people.administrator).await?;
    let count = Count::new("people", wanted.len());
    for_each(wanted, async |one| {
        if joined.get(&one.person.id) == Some(&true) {
            count.add(false);
            return Ok(());
        }
        let request = InvitePersonRequest {
            request_id: String::new(),
            id: one.person.id.clone(),
            display_name: one.name.to_owned(),
            roles: one.roles.iter().map(|role| i32::from(*role)).collect(),
            email: String::new(),
        };
        let invited = people.administrator.call(request).await?;
        // Empty where somebody took it up in the meantime: another run of this command.
        if !invited.invitation.is_empty() {
            accept(hub, &one.person.session, invited.invitation).await?;
        }
        count.add(true);
        Ok(())
    })
    .await?;
    count.end();
    Ok(())
}

/// Who is there, by id: whether they have taken up their invitation.
async fn joined(administrator: &Session) -> Result<HashMap<String, bool>> {
    let mut found = HashMap::new();
    let mut page_token = String::new();
    loop {
        let page = administrator.call(ListPeopleRequest { page_size: 200, page_token }).await?;
        found.extend(page.people.into_iter().map(|person| (person.id, person.joined)));
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

/// Takes up an invitation. Where the answer to the first attempt was lost the code is spent, and signing in tells.
async fn accept(hub: &Hub, session: &Session, invitation: String) -> Result<()> {
    let request = AcceptInvitationRequest {
        request_id: String::new(),
        invitation,
        email: session.email().to_owned(),
        password: session.password().to_owned(),
    };
    match hub.call_unnamed(session.who(), request).await {
        Ok(_) => Ok(()),
        Err(refused) if refused.code() == Code::InvalidArgument => Err(refused.into()),
        Err(refused) => {
            if session.can_sign_in().await? {
                Ok(())
            } else {
                Err(refused).with_context(|| format!("{} cannot take up the invitation", session.who()))
            }
        }
    }
}
