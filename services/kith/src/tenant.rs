//! `kith tenant`: what the host does with its tenants, over the public API and signed in as an operator.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kith_proto::common::v1::TenantState;
use kith_proto::identity::v1::{
    CreateTenantRequest, FreezeTenantRequest, GetTenantFreezeRequest, ListTenantsRequest,
    ReleaseTenantRequest, ResumeTenantRequest, ServiceFence, SuspendTenantRequest, Tenant, TenantFreeze,
    ThawTenantRequest, WordedThing, Wording,
};

use crate::client::{Session, uuid_of};
use crate::operator::{self, Otherwise};

/// How often it is asked how far a freeze is.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// What `kith tenant` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    /// Who asks
    #[command(flatten)]
    pub operator: operator::Operator,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Creates a tenant with its first administrator and its first circle
    Create(Box<Create>),
    /// Lists all tenants of the host
    List,
    /// Shows one tenant and, where it is frozen, how far each service is
    Show {
        /// Its short name
        slug: String,
    },
    /// Stops changes; its people go on reading and exporting
    Suspend {
        /// Its short name
        slug: String,
    },
    /// Lets a suspended tenant live again
    Resume {
        /// Its short name
        slug: String,
    },
    /// Stops changes in all seven services for a move, and waits until nothing is under way
    Freeze {
        /// Its short name
        slug: String,
        /// Seconds to wait until the freeze is complete
        #[arg(long, default_value_t = 120)]
        wait: u64,
    },
    /// Lets a frozen tenant live again
    Thaw {
        /// Its short name
        slug: String,
    },
    /// Gives a frozen tenant up that lives elsewhere now; there is no way back
    Release {
        /// Its short name
        slug: String,
        /// That it lives elsewhere, and that this is meant
        #[arg(long)]
        moved: bool,
    },
}

#[derive(Clone, Debug, clap::Args)]
struct Create {
    /// Its short name: 2 to 40 lower-case letters, digits and hyphens
    slug: String,
    /// What its members call it
    #[arg(long)]
    name: String,
    /// IANA zone of its wall clock
    #[arg(long, default_value = "Europe/London", value_name = "ZONE")]
    time_zone: String,
    /// The name that its first administrator goes by
    #[arg(long, value_name = "NAME")]
    administrator: Option<String>,
    /// Where their invitation is to be sent
    #[arg(long, value_name = "ADDRESS")]
    administrator_email: Option<String>,
    /// Where its mail comes from
    #[arg(long, value_name = "ADDRESS")]
    mail_sender: Option<String>,
    /// Its own word for a team, owner, giver, circle or hat, such as team=Nest/Nests; as often as needed
    #[arg(long = "word", value_name = "THING=ONE/SEVERAL", value_parser = word)]
    words: Vec<Word>,
    /// Found no circle with it
    #[arg(long)]
    no_circle: bool,
}

/// A tenant's own word, as it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    thing: WordedThing,
    singular: String,
    plural: String,
}

fn word(text: &str) -> Result<Word, String> {
    let form = || format!("{text:?} is not of the form team=Nest/Nests");
    let (thing, words) = text.split_once('=').ok_or_else(form)?;
    let (singular, plural) = words.split_once('/').ok_or_else(form)?;
    let thing = WordedThing::from_str_name(&format!("WORDED_THING_{}", thing.to_uppercase()))
        .filter(|thing| *thing != WordedThing::Unspecified)
        .ok_or_else(|| format!("{thing:?} is none of team, owner, giver, circle and hat"))?;
    Ok(Word { thing, singular: singular.to_owned(), plural: plural.to_owned() })
}

/// Does what it is told.
pub async fn run(args: Args) -> Result<ExitCode> {
    let founds = matches!(args.command, Command::Create(_));
    let otherwise = if founds { Otherwise::BecomeFirst } else { Otherwise::Refuse };
    let operator = operator::sign_in(&args.operator, otherwise).await?;
    match args.command {
        Command::Create(wanted) => create(&operator, *wanted).await?,
        Command::List => list(&operator).await?,
        Command::Show { slug } => show(&operator, &slug).await?,
        Command::Suspend { slug } => {
            let tenant_id = find(&operator, &slug).await?.id;
            // Of this run alone: the same step may be taken again after the tenant has lived on.
            let request = SuspendTenantRequest { tenant_id, ..SuspendTenantRequest::default() };
            say(operator.call_anew(request).await?.tenant)?;
        }
        Command::Resume { slug } => {
            let tenant_id = find(&operator, &slug).await?.id;
            let request = ResumeTenantRequest { tenant_id, ..ResumeTenantRequest::default() };
            say(operator.call_anew(request).await?.tenant)?;
        }
        Command::Freeze { slug, wait } => {
            let tenant_id = find(&operator, &slug).await?.id;
            return freeze(&operator, tenant_id, Duration::from_secs(wait)).await;
        }
        Command::Thaw { slug } => {
            let tenant_id = find(&operator, &slug).await?.id;
            let request = ThawTenantRequest { tenant_id, ..ThawTenantRequest::default() };
            say(operator.call_anew(request).await?.tenant)?;
        }
        Command::Release { slug, moved } => {
            if !moved {
                bail!(
                    "a released tenant never lives here again; what to do: say --moved once it lives elsewhere"
                );
            }
            let tenant_id = find(&operator, &slug).await?.id;
            let request = ReleaseTenantRequest { tenant_id, ..ReleaseTenantRequest::default() };
            say(operator.call_anew(request).await?.tenant)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(operator: &Session, wanted: Create) -> Result<()> {
    let first_circle_id = if wanted.no_circle {
        String::new()
    } else {
        uuid_of(&[b"first circle", wanted.slug.as_bytes()]).to_string()
    };
    let wording = wanted.words.into_iter().map(|word| Wording {
        thing: word.thing.into(),
        singular: word.singular,
        plural: word.plural,
        valid_from: String::new(),
    });
    let address = wanted.administrator_email.unwrap_or_default();
    let request = CreateTenantRequest {
        slug: wanted.slug,
        display_name: wanted.name,
        time_zone: wanted.time_zone,
        administrator_name: wanted.administrator.unwrap_or_default(),
        administrator_email: address.clone(),
        mail_sender: wanted.mail_sender.unwrap_or_default(),
        wording: wording.collect(),
        first_circle_id: first_circle_id.clone(),
        ..CreateTenantRequest::default()
    };
    let created = operator.call(request).await?;
    let tenant = created.tenant.context("the tenant is missing in the answer")?;
    println!("tenant        {} ({}), {}", tenant.slug, tenant.display_name, state_word(tenant.state()));
    println!("id            {}", tenant.id);
    println!("time zone     {}", tenant.time_zone);
    if !first_circle_id.is_empty() {
        println!("first circle  {first_circle_id}");
    }
    if created.administrator_invitation.is_empty() {
        println!("invitation    taken up already");
    } else {
        println!("invitation    {}", created.administrator_invitation);
        let whom = if address.is_empty() { "its first administrator" } else { &address };
        println!("              for {whom}: used once, within fourteen days; no mail is sent by itself");
    }
    Ok(())
}

/// All tenants, by short name.
async fn all(operator: &Session) -> Result<Vec<Tenant>> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = operator.call(ListTenantsRequest { page_size: 200, page_token }).await?;
        found.extend(page.tenants);
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

async fn find(operator: &Session, slug: &str) -> Result<Tenant> {
    let found = all(operator).await?.into_iter().find(|tenant| tenant.slug == slug);
    found.with_context(|| format!("there is no tenant {slug:?}; `kith tenant list` shows all"))
}

async fn list(operator: &Session) -> Result<()> {
    let tenants = all(operator).await?;
    let widest = |of: fn(&Tenant) -> &str| tenants.iter().map(|tenant| of(tenant).chars().count()).max();
    let slugs = widest(|tenant| &tenant.slug).unwrap_or(0).max(4);
    let zones = widest(|tenant| &tenant.time_zone).unwrap_or(0).max(9);
    println!("{:slugs$}  {:9}  {:zones$}  name", "slug", "state", "time zone");
    for tenant in &tenants {
        let (slug, state) = (&tenant.slug, state_word(tenant.state()));
        println!("{slug:slugs$}  {state:9}  {:zones$}  {}", tenant.time_zone, tenant.display_name);
    }
    println!("{} tenants", tenants.len());
    Ok(())
}

async fn show(operator: &Session, slug: &str) -> Result<()> {
    let tenant = find(operator, slug).await?;
    let freeze = operator.call(GetTenantFreezeRequest { tenant_id: tenant.id.clone() }).await?.freeze;
    println!("tenant        {} ({}), {}", tenant.slug, tenant.display_name, state_word(tenant.state()));
    println!("id            {}", tenant.id);
    println!("time zone     {}", tenant.time_zone);
    if let Some(freeze) = freeze {
        let word = if freeze.complete_time.is_some() { "complete" } else { "under way" };
        println!("freeze        {word}, epoch {}", freeze.epoch);
        for service in &freeze.services {
            println!("  {:13} {}", service.service, how_far(service));
        }
    }
    Ok(())
}

fn say(tenant: Option<Tenant>) -> Result<()> {
    let tenant = tenant.context("the tenant is missing in the answer")?;
    println!("{} is {}", tenant.slug, state_word(tenant.state()));
    Ok(())
}

/// Freezes and says of each service when it has come to rest. Exit status 1 where that takes longer than is waited.
async fn freeze(operator: &Session, tenant_id: String, wait: Duration) -> Result<ExitCode> {
    let started = Instant::now();
    let request = FreezeTenantRequest { tenant_id: tenant_id.clone(), ..FreezeTenantRequest::default() };
    let tenant = operator.call_anew(request).await?.tenant.context("the tenant is missing in the answer")?;
    println!("{} accepts no changes from now on; waiting for all seven services", tenant.slug);
    let mut said = BTreeSet::new();
    loop {
        let request = GetTenantFreezeRequest { tenant_id: tenant_id.clone() };
        let Some(freeze) = operator.call(request).await?.freeze else {
            bail!("somebody else has thawed {} in the meantime", tenant.slug);
        };
        let seconds = started.elapsed().as_secs_f64();
        for service in freeze.services.iter().filter(|service| service.at_rest) {
            if said.insert(service.service.clone()) {
                println!("  {seconds:6.2} s  {:13} at rest  ({} of 7)", service.service, said.len());
            }
        }
        if freeze.complete_time.is_some() {
            println!("{} is frozen after {seconds:.2} s, epoch {}", tenant.slug, freeze.epoch);
            return Ok(ExitCode::SUCCESS);
        }
        if started.elapsed() >= wait {
            say_who_is_late(&freeze);
            return Ok(ExitCode::FAILURE);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

fn say_who_is_late(freeze: &TenantFreeze) {
    println!("not complete yet; it goes on by itself, and `kith tenant show` tells:");
    for service in freeze.services.iter().filter(|service| !service.at_rest) {
        println!("  {:13} {}", service.service, how_far(service));
    }
}

fn how_far(service: &ServiceFence) -> String {
    if service.fenced_time.is_none() {
        return "has not heard of it".to_owned();
    }
    if service.at_rest {
        return "at rest".to_owned();
    }
    let (unpublished, waiting, dead) = (service.unpublished, service.waiting, service.dead);
    format!("refuses changes; {unpublished} events to send, {waiting} to apply, {dead} given up on")
}

fn state_word(state: TenantState) -> &'static str {
    match state {
        TenantState::Unspecified => "unknown",
        TenantState::Preparing => "preparing",
        TenantState::Live => "live",
        TenantState::Suspended => "suspended",
        TenantState::Frozen => "frozen",
        TenantState::Released => "released",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_says_for_what_and_for_how_many() {
        let nest = Word { thing: WordedThing::Team, singular: "Nest".to_owned(), plural: "Nests".to_owned() };
        assert_eq!(word("team=Nest/Nests"), Ok(nest));
        for wrong in ["team", "team=Nest", "house=Nest/Nests", "unspecified=a/b"] {
            assert!(word(wrong).is_err(), "{wrong}");
        }
    }
}
