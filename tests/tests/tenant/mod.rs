//! The life of a tenant on seven real processes: created in one act, suspended, frozen under load, thawed, released.

mod host;
mod load;
mod probed;

use std::time::{Duration, Instant};

use kith_platform::testing::reason;
use kith_tests::stack::Stack;
use tonic::Code;

use self::host::{Host, Member};
use self::load::Load;

/// The goal for a tenant to be usable.
const GOAL: Duration = Duration::from_secs(10);
/// How long something that follows from an event may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One command of the host, one answer of the person who was invited: then they sign in and their circle is there.
///
/// Proves ID-57.
#[tokio::test]
async fn a_tenant_is_created_in_one_act_and_lives_to_its_release() {
    let stack = Stack::start().await;
    let host = Host::of(&stack);

    let started = Instant::now();
    let created = host.create("clapton");
    let administrator = Member::joins(&stack, &created.invitation, "ada@clapton.example", "clapton").await;
    let signed_in = started.elapsed();
    let circle = administrator.circle(&created.circle).await;
    let whole = started.elapsed();
    println!(
        "kith tenant create: its administrator is signed in after {:.2} s, its first circle is there after {:.2} s \
         (goal {} s)",
        signed_in.as_secs_f64(),
        whole.as_secs_f64(),
        GOAL.as_secs()
    );
    assert!(whole < GOAL, "{whole:?}");
    assert_eq!(circle.display_name, "", "the edges show the tenant's own name");
    let members: Vec<&str> = circle.members.iter().map(|member| member.person_id.as_str()).collect();
    assert_eq!(members, [administrator.person_id.as_str()]);

    // It is its own: name, words and mail address; and its first member asks others in, while it is prepared and after.
    let profile = administrator.profile().await;
    assert_eq!(
        (profile.display_name.as_str(), profile.mail_sender.as_str()),
        ("Clapton Care", "hello@clapton.example")
    );
    assert_eq!((profile.wording[0].singular.as_str(), profile.wording[0].plural.as_str()), ("Nest", "Nests"));
    administrator.go_live().await;
    let newcomer = administrator.newcomer().await;
    let invited =
        administrator.invite_to(&created.circle, &newcomer).await.expect("the first member asks others in");
    assert_eq!(invited.members.len(), 2);

    // Again answers the same; the list shows it.
    assert!(
        host.says(&["create", "clapton", "--name", "Clapton Care"]).is_err(),
        "other content under that name"
    );
    let listed = host.says(&["list"]).expect("the list");
    assert!(listed.contains("clapton  live") && listed.contains("1 tenants"), "{listed}");

    // Suspended everywhere: read, not changed, and told so once and for all.
    assert_eq!(host.says(&["suspend", "clapton"]).expect("suspended").trim(), "clapton is suspended");
    let refused = administrator.until_refused(&created.circle, &newcomer).await;
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "TENANT_SUSPENDED".into()));
    administrator.circle(&created.circle).await;
    let again = Member::signs_in(&stack, "ada@clapton.example", "clapton").await;
    again.profile().await;
    assert!(host.says(&["freeze", "clapton"]).is_err(), "it is resumed first");
    assert_eq!(host.says(&["resume", "clapton"]).expect("resumed").trim(), "clapton is live");
    administrator.until_accepted(&created.circle, &newcomer).await;

    // Released: only frozen, only on purpose, and for ever.
    assert!(host.says(&["release", "clapton", "--moved"]).is_err(), "it is not frozen");
    host.says(&["freeze", "clapton"]).expect("frozen");
    assert!(host.says(&["release", "clapton"]).is_err(), "it was not said that this is meant");
    assert_eq!(
        host.says(&["release", "clapton", "--moved"]).expect("released").trim(),
        "clapton is released"
    );
    assert!(host.says(&["thaw", "clapton"]).is_err(), "there is no way back");
    let refused = administrator.until_refused_as(&created.circle, &newcomer, "TENANT_RELEASED").await;
    assert_eq!(refused.code(), Code::FailedPrecondition);
    administrator.circle(&created.circle).await;
}

/// Frozen under the writes of eight clients of three services: once `kith tenant freeze` has ended, nothing of the tenant
/// changes in any database, what is refused may be repeated, reading goes on, and others are not stopped; after the thaw
/// every call that was refused goes through under its own request id, once.
#[tokio::test]
async fn nothing_is_written_once_a_tenant_is_frozen_and_a_thaw_lets_all_through() {
    let stack = Stack::start().await;
    let host = Host::of(&stack);
    let created = host.create("clapton");
    let administrator = Member::joins(&stack, &created.invitation, "ada@clapton.example", "clapton").await;
    administrator.circle(&created.circle).await;
    administrator.go_live().await;
    let other = host.create("calder");
    let neighbour = Member::joins(&stack, &other.invitation, "first@calder.example", "calder").await;
    neighbour.circle(&other.circle).await;

    let load = Load::of(&administrator, 8);
    load.until_acknowledged(200).await;
    let started = Instant::now();
    let said = host.while_others_run(&["freeze", "clapton"]).await.expect("frozen");
    let frozen_after = started.elapsed();
    assert!(said.contains("clapton is frozen after"), "{said}");
    println!("{}", said.trim_end());

    // From here on nothing may land: eight clients go on trying, and every table is as it was.
    let landed_before = load.acknowledged();
    let before = host.rows_of(&created.tenant).await;
    load.until_refused_each(25).await;
    let after = host.rows_of(&created.tenant).await;
    let landed = load.acknowledged() - landed_before;
    assert_eq!(before, after, "a row was changed");
    assert_eq!(landed, 0, "a write was acknowledged");
    let circle = administrator.circle(&created.circle).await;
    assert_eq!(circle.members.len(), 1, "reading goes on");
    let newcomer = neighbour.newcomer().await;
    neighbour.invite_to(&other.circle, &newcomer).await.expect("another tenant is not stopped");

    let started = Instant::now();
    host.while_others_run(&["thaw", "clapton"]).await.expect("thawed");
    load.until_all_went_through().await;
    let thawed_after = started.elapsed();
    let figures = load.stop().await;
    let kept = host.kept(&created.tenant, &figures.acknowledged).await;
    println!(
        "8 clients: {} calls acknowledged, {} refused as TENANT_FROZEN with RetryInfo, {} otherwise; frozen in {:.2} s, \
         {} tables of seven databases unchanged meanwhile, writes after frozen {landed}; all went through {:.2} s after \
         the thaw began, {} kept once each, {} lost",
        figures.acknowledged.len(),
        figures.frozen,
        figures.otherwise.len(),
        frozen_after.as_secs_f64(),
        before.len(),
        thawed_after.as_secs_f64(),
        kept,
        figures.acknowledged.len() - kept,
    );
    assert!(figures.otherwise.is_empty(), "{:?}", figures.otherwise);
    assert!(figures.frozen >= 8 * 25);
    assert_eq!(kept, figures.acknowledged.len(), "what was acknowledged is there, once");
}
