//! What other users' processes cost: thousands that sleep, and some whose command line never ends to be read.

use std::time::Duration;

use polkit_tests::{Bed, Process, Root, paths, program};

use crate::beds::{ASK, Agent, Client, POOL, config, least_agent, light, policy, sleeping};
use crate::table::{Goal, Side, Table, paired};

const MANY: &str = "3000";
const ENDLESS: usize = 18;
/// Long enough for any of this.
const SECONDS: &str = "300";
const HOOKED: &str = "org.example.bench.hooked";
/// How long the agent's processor time is counted, and what part of a processor may be used.
const COUNTED: Duration = Duration::from_secs(5);
const MOST: Goal = Goal::AtMost(5.0, "< 5 %");
const FAIR: Goal = Goal::AtMost(1.2, "≤ 1.2 ×");

/// As the generator writes it.
const HOOK_RULE: &str = r#"
polkit.addRule(function (action, subject) {
    if (action.id !== "org.example.bench.hooked") {
        return null;
    }
    try {
        var said = polkit.spawn(["/usr/libexec/polkit-service-agent-hook", String(subject.pid), String(subject.user), action.id]);
        return said === "yes\n" ? polkit.Result.YES : null;
    } catch (error) {
        return null;
    }
});
"#;

/// Beside 3,000 sleeping processes: of a served unit, and of another user where a user is served.
pub fn beside_many(root: &Root, table: &mut Table) {
    let of_user = config(1).replacen("unit = \"pool.service\"\nmax", "user = \"www-data\"\nmax", 1);
    let of_unit = format!("{}\n[[serve]]\nunit = \"crowd.service\"\nmax = 16\n", config(1).replace("160", "140"));
    for (what, config, user) in
        [("of a served unit", of_unit, "www-data"), ("of any user, a user served", of_user, "mallory")]
    {
        let bed = light(root).start();
        prepare(&bed);
        let subject = sleeping(&bed, POOL);
        let agent = Agent::start(&bed, &config);
        let mut client = Client::new(&bed);
        client.until_served(subject.pid());
        // Warm, and then in turn: the crowd comes and goes.
        client.round(ASK, subject.pid(), 100, 1);
        let mut busy = Vec::new();
        let pair = paired(3, |side| {
            let crowd = (side == Side::Ours).then(|| crowd(&bed, user));
            let median = client.round(ASK, subject.pid(), 50, 1).median;
            if crowd.is_some() {
                busy.push(share_of_a_processor(&bed, agent.pid()));
            }
            crowd.into_iter().for_each(|crowd| end(&bed, crowd));
            median
        });
        busy.sort_by(f64::total_cmp);
        let way = format!("light bed, {}, no process events", root.suite());
        table.compare(&format!("a check beside {MANY} processes {what}, against without"), &way, "µs", pair, FAIR);
        let share = busy.get(busy.len() / 2).copied().unwrap_or_default();
        table.tell(
            &format!("the agent's part of a processor beside {MANY} processes {what}"),
            &way,
            "%",
            share,
            None,
            MOST,
        );
    }
}

/// Beside 18 processes that never end to be read, of a user that no entry names, each of which asks by the hook.
pub fn beside_endless(root: &Root, table: &mut Table) {
    let bed = light(root)
        .file("/usr/share/polkit-1/actions/org.example.hooked.policy", 0o644, policy(&[HOOKED]))
        .file("/etc/polkit-1/rules.d/44-hook.rules", 0o644, HOOK_RULE)
        .start();
    prepare(&bed);
    let subject = sleeping(&bed, POOL);
    let agent = Agent::start(&bed, &format!("{}\n[[serve]]\nunit = \"pool.service\"\nway = \"hook\"\n", config(1)));
    let mut client = Client::new(&bed);
    client.round(HOOKED, subject.pid(), 100, 1);
    let mut named = 0;
    let pair = paired(3, |side| {
        let endless: Vec<Process> = (0..if side == Side::Ours { ENDLESS } else { 0 }).map(|_| endless(&bed)).collect();
        // The log names so many requests of one user in a minute, and counts the others.
        if !endless.is_empty() && named == 0 {
            named = agent.said().matches("no [[serve]] entry names it").count();
        }
        let median = client.round(HOOKED, subject.pid(), 200, 1).median;
        endless.into_iter().for_each(Process::kill);
        median
    });
    let way = format!("light bed, {}", root.suite());
    let figure = format!("a check by the hook beside {ENDLESS} processes that never end to be read, against without");
    table.compare(&figure, &way, "µs", pair, FAIR);
    let figure = format!("requests of {ENDLESS} such processes that the agent's log names");
    table.tell(&figure, &way, "", named as f64, None, Goal::AtLeast(ENDLESS as f64, "18"));
}

/// Beside another served process of the same unit that asks 64 at a time without a pause, against a least agent beside the same.
pub fn beside_a_flood(root: &Root, table: &mut Table) {
    let bed = light(root).start();
    prepare(&bed);
    let [ours, theirs] = [POOL, "system.slice/other.service"].map(|unit| [sleeping(&bed, unit), sleeping(&bed, unit)]);
    let _agent = Agent::start(&bed, &config(1));
    let _least = least_agent(&bed, &[theirs[0].pid(), theirs[1].pid()]);
    let [mut client, mut flooding] = [Client::new(&bed), Client::new(&bed)];
    client.until_served(ours[0].pid());
    flooding.until_served(ours[1].pid());
    let pair = paired(4, |side| {
        let [one, other] = if side == Side::Ours { &ours } else { &theirs };
        std::thread::scope(|scope| {
            let flood = scope.spawn(|| flooding.round(ASK, other.pid(), 1500, 64));
            let median = client.round(ASK, one.pid(), 20, 1).median;
            flood.join().expect("the flood ends");
            median
        })
    });
    let way = format!("light bed, {}", root.suite());
    let figure = "a check beside 64 at a time of another served process, against a least agent beside the same";
    table.compare(figure, &way, "µs", pair, FAIR);
}

fn prepare(bed: &Bed) {
    bed.copy_in(paths::hostile(), "/usr/local/bin/hostile", 0o755);
    let _ = bed.exec(["mknod", "-m", "666", "/dev/fuse", "c", "10", "229"]).success();
    let _ = bed.exec(["useradd", "--uid=3001", "mallory"]).success();
    bed.copy_in(program("bench-client"), "/usr/bin/bench-client", 0o755);
}

fn crowd(bed: &Bed, user: &str) -> Process {
    let mut crowd = bed.spawn_as(user, ["sh", "-c", "read go; exec hostile forks \"$1\" \"$2\"", "sh", MANY, SECONDS]);
    bed.move_to_cgroup(crowd.pid(), "system.slice/crowd.service");
    crowd.say("");
    let _pid = crowd.line();
    // What a first look at them costs is not what they cost from then on.
    std::thread::sleep(Duration::from_secs(8));
    crowd
}

fn end(bed: &Bed, crowd: Process) {
    crowd.kill();
    let procs = "/sys/fs/cgroup/system.slice/crowd.service/cgroup.procs";
    while bed.exec(["grep", "-c", "", procs]).text() != "0" {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A process that never ends to be read, and that has asked.
fn endless(bed: &Bed) -> Process {
    let mut process = bed.spawn_as("mallory", ["hostile", "cmdline", SECONDS]);
    let line = process.line();
    let (pid, start) = line.split_once(' ').expect("pid and start time");
    let subject = format!("{pid},{start},3001");
    let _ = bed.exec_as("mallory", ["pkcheck", "--action-id", HOOKED, "--process", subject.as_str()]);
    process
}

/// In percent.
fn share_of_a_processor(bed: &Bed, pid: u32) -> f64 {
    let ticks = || {
        let stat = bed.read(format!("/proc/{pid}/stat"));
        let rest = stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        let fields: Vec<f64> = rest.split(' ').filter_map(|field| field.parse().ok()).collect();
        // utime and stime, fields 14 and 15; the state before them is no number.
        fields.get(10).copied().unwrap_or_default() + fields.get(11).copied().unwrap_or_default()
    };
    let before = ticks();
    std::thread::sleep(COUNTED);
    // A tick is a hundredth of a second.
    (ticks() - before) / COUNTED.as_secs_f64()
}
