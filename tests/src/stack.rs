//! Seven real processes over real servers, each with a database of its own, for one journey.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use kith_cli::instance;
use kith_platform::config::Config;
use kith_platform::id::Uuid;
use kith_platform::testing::World;

use crate::own_broker::OwnBroker;
use crate::services;

/// The stack of one journey; everything ends with it.
#[derive(Debug)]
pub struct Stack {
    /// Its databases, clock and secrets.
    pub world: World,
    folder: tempfile::TempDir,
    processes: BTreeMap<&'static str, Process>,
}

#[derive(Debug)]
struct Process {
    config: Config,
    port: Port,
    child: Option<Child>,
}

/// How long a service may take from its start to serving.
const PATIENCE: Duration = Duration::from_mins(3);

impl Stack {
    /// Starts all seven and waits until each serves.
    pub async fn start() -> Self {
        Self::start_some(&services().map(|service| service.name), None, |_| {}).await
    }

    /// Starts all seven on a broker of the journey's own, each with a user of its own.
    pub async fn start_with_broker(broker: &OwnBroker) -> Self {
        Self::start_some(&services().map(|service| service.name), Some(broker), |_| {}).await
    }

    /// Starts some of the seven, each with a configuration that was changed before. Identity must be among them.
    pub async fn start_some(
        names: &[&'static str],
        broker: Option<&OwnBroker>,
        change: impl Fn(&mut Config),
    ) -> Self {
        let chosen = || services().into_iter().filter(|service| names.contains(&service.name));
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = World::new();
        let administrator = broker.map(OwnBroker::url);
        if let (Some(broker), Some(url)) = (broker, &administrator) {
            let secrets = folder.path().join("secrets");
            let definitions = instance::broker_definitions(&secrets, "/", &world.prefix, None);
            broker.import(&definitions.expect("definitions"));
            world = world.with_broker(url.clone(), secrets);
        }
        let mut stack = Self { folder, processes: BTreeMap::new(), world };
        let mut identity = Some(free_port());
        let keys =
            identity.as_ref().map(|port| format!("http://127.0.0.1:{}", port.number)).unwrap_or_default();
        for service in chosen() {
            let mut config = stack.world.config(service).await;
            let port = if service.name == "identity" { identity.take() } else { None };
            let port = port.unwrap_or_else(free_port);
            config.server.listen = ([127, 0, 0, 1], port.number).into();
            config.server.ready_file = stack.ready_file(service.name);
            config.auth.keys = if service.name == "identity" { String::new() } else { keys.clone() };
            change(&mut config);
            let declared = if let Some(url) = &administrator {
                instance::declare(service, url, config.broker.prefix.clone()).await
            } else {
                let broker = config.broker_as(service.name).expect("the broker's address");
                broker.declare(&Self::aggregates(service.name)).await.map_err(Into::into)
            };
            declared.expect("the queues are declared");
            stack.processes.insert(service.name, Process { config, port, child: None });
        }
        for service in chosen() {
            stack.restart(service.name);
        }
        for service in chosen() {
            stack.wait_until_serving(service.name);
        }
        stack
    }

    /// Kills a service as a power cut would (SIGKILL), where it runs.
    pub fn kill(&mut self, name: &str) {
        if let Some(mut child) = self.processes.get_mut(name).and_then(|process| process.child.take()) {
            child.kill().expect("the process is ours");
            child.wait().expect("the process has ended");
        }
    }

    /// Asks a service to stop (SIGTERM) and waits until it has; answers whether it says that all went well.
    pub fn stop(&mut self, name: &str) -> bool {
        let mut child =
            self.processes.get_mut(name).and_then(|process| process.child.take()).expect("it runs");
        let id = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("an id");
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("the process is ours");
        child.wait().expect("the process has ended").success()
    }

    /// Starts a service again, on the same port and database.
    pub fn restart(&mut self, name: &str) {
        self.restart_with(name, &[]);
    }

    /// The same with more in its environment.
    pub fn restart_with(&mut self, name: &str, variables: &[(&str, &str)]) {
        self.kill(name);
        let ready_file = self.ready_file(name);
        std::fs::remove_file(&ready_file).ok();
        let log = self.log(name);
        let output = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log");
        let process = self.processes.get_mut(name).expect("one of the seven");
        let child = Command::new(binary(&format!("kith-{name}")))
            .envs(environment(&process.config))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .expect("the service is built: cargo build --workspace");
        process.child = Some(child);
    }

    /// The process id of a service that was started.
    pub fn pid(&self, name: &str) -> Option<u32> {
        self.processes[name].child.as_ref().map(Child::id)
    }

    /// Whether a service that was started has ended by itself.
    pub fn has_ended(&mut self, name: &str) -> bool {
        let process = self.processes.get_mut(name).expect("one of the seven");
        process.child.as_mut().is_some_and(|child| child.try_wait().expect("its state").is_some())
    }

    /// Configures a service otherwise, from its next start on.
    pub fn configure(&mut self, name: &str, change: impl FnOnce(&mut Config)) {
        change(&mut self.processes.get_mut(name).expect("one of the seven").config);
    }

    /// Waits until a service serves.
    pub fn wait_until_serving(&mut self, name: &str) {
        let (ready_file, end) = (self.ready_file(name), Instant::now() + PATIENCE);
        while !ready_file.exists() {
            let process = self.processes.get_mut(name).expect("one of the seven");
            let ended = process.child.as_mut().and_then(|child| child.try_wait().expect("its state"));
            let log = self.log(name);
            assert!(
                ended.is_none() && Instant::now() < end,
                "{name} does not serve; its log says:\n{}",
                tail(&log)
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the log of a service holds these words.
    pub fn wait_until_logged(&self, name: &str, words: &str) {
        let (log, end) = (self.log(name), Instant::now() + PATIENCE);
        while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains(words)) {
            assert!(Instant::now() < end, "{name} does not say `{words}`; its log says:\n{}", tail(&log));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until a service has ended by itself.
    pub fn wait_until_ended(&mut self, name: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.has_ended(name) {
            assert!(Instant::now() < end, "{name} has not ended; its log says:\n{}", tail(&self.log(name)));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Where a service listens.
    pub fn address(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}", self.processes[name].port.number)
    }

    /// How a service is configured.
    pub fn config(&self, name: &str) -> &Config {
        &self.processes[name].config
    }

    /// `KITH_<SERVICE>_ADDRESS` for the operator's command.
    pub fn addresses(&self) -> Vec<(String, String)> {
        let names = self.processes.keys();
        names.map(|name| (format!("KITH_{}_ADDRESS", name.to_uppercase()), self.address(name))).collect()
    }

    /// A command of the operator's `kith`, pointed at this stack.
    pub fn kith(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("kith"));
        let secrets = &self.config("identity").secrets.folder;
        command
            .args(arguments)
            .envs(self.addresses())
            .env("KITH_HOST_CODE_FILE", secrets.join("host_code"))
            .env("KITH_PASSWORD_SEED", self.folder.path().join("month"))
            .stdin(Stdio::null());
        command
    }

    /// A command of the operator's `kith` on one service of this stack, as configured there.
    pub fn operate(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("kith"));
        command.args(arguments).envs(environment(self.config(name))).stdin(Stdio::null());
        // No local stack is meant, should one be there.
        command.env("KITH_LOCAL_DIR", self.folder.path().join("none"));
        command
    }

    /// Waits until a service has everything that it listens to, applied.
    pub async fn wait_until_joined(&self, name: &str) {
        let listens_to = Self::aggregates(name).len();
        self.wait_until("it has not joined", name, async |admin| {
            let joined: i64 = sqlx::query_scalar(
                "select count(*) from platform.subscription where complete_at is not null
                     and not exists (select from platform.inbox_todo where state = 'ready')",
            )
            .fetch_one(admin)
            .await
            .expect("what it has");
            usize::try_from(joined) == Ok(listens_to)
        })
        .await;
    }

    /// Waits until a service has a snapshot, applied, of the newest of everything that it listens to; answers how many
    /// these are.
    pub async fn wait_until_resent(&self, name: &str) -> usize {
        let mut newest: Vec<(Uuid, i64)> = Vec::new();
        for aggregate in Self::aggregates(name) {
            let producer = aggregate.split('.').next().expect("its producer");
            let heads: Vec<(Uuid, i64)> = sqlx::query_as(
                "select aggregate_id, last_no from platform.outbox_head where aggregate_type = $1",
            )
            .bind(aggregate)
            .fetch_all(&mut self.admin(producer).await)
            .await
            .expect("the heads");
            newest.extend(heads);
        }
        self.wait_until("it has not got everything again", name, async |admin| {
            let applied: Vec<(Uuid, i64)> = sqlx::query_as(
                "select aggregate_id, event_no from platform.inbox_state where snapshot and state = 'done'",
            )
            .fetch_all(admin)
            .await
            .expect("what is applied");
            newest.iter().all(|head| applied.contains(head))
        })
        .await;
        newest.len()
    }

    async fn wait_until(&self, problem: &str, name: &str, so: impl AsyncFn(&mut sqlx::PgConnection) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut admin = self.admin(name).await;
        while !so(&mut admin).await {
            assert!(Instant::now() < end, "{name}: {problem}; its log says:\n{}", tail(&self.log(name)));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn aggregates(name: &str) -> Vec<&'static str> {
        let service = services().into_iter().find(|service| service.name == name).expect("one of the seven");
        (service.subscriptions)().aggregates()
    }

    /// An administrator's connection to a service's database.
    pub async fn admin(&self, name: &str) -> sqlx::PgConnection {
        self.world.admin_of(&self.config(name).database.name).await
    }

    /// The log of a service.
    pub fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }

    /// A folder of this stack's own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn ready_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.ready"))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let names: Vec<&'static str> = self.processes.keys().copied().collect();
        for name in names {
            if std::thread::panicking() {
                eprintln!("--- the end of {name}'s log:\n{}", tail(&self.log(name)));
            }
            self.kill(name);
        }
    }
}

/// A program of this workspace, beside the running test.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let folder =
        test.ancestors().find(|folder| folder.join("build").is_dir() && folder.join("deps").is_dir());
    folder.expect("the build folder").join(name)
}

/// A port of one service, kept from the other tests while that service is down.
#[derive(Debug)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// Locked as long as it is open, for every process of this machine.
    _kept: File,
}

/// A port below those that the system gives to outgoing connections, so that none takes it while its service is down.
pub fn free_port() -> Port {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let folder = std::env::temp_dir().join("kith-test-ports");
    std::fs::create_dir_all(&folder).expect("a folder");
    let start = std::process::id().wrapping_mul(97);
    loop {
        let number = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let number = 20_000 + u16::try_from(number).unwrap_or_default();
        let kept = File::create(folder.join(number.to_string())).expect("a file");
        if kept.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", number)).is_ok() {
            return Port { number, _kept: kept };
        }
    }
}

/// A configuration as `KITH__SECTION__KEY`.
pub fn environment(config: &Config) -> Vec<(String, String)> {
    let tree = serde_json::to_value(config).expect("a configuration");
    let mut pairs = Vec::new();
    for (section, keys) in tree.as_object().expect("sections") {
        for (key, value) in keys.as_object().expect("keys") {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            pairs.push((format!("KITH__{section}__{key}").to_uppercase(), value));
        }
    }
    pairs
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(15).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
