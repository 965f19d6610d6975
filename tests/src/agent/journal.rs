//! A program in place of journald, for an agent in a light bed: it reads, or waits, or is deaf.

use std::time::Duration;

use crate::polkit::Verdict;
use crate::{Bed, LightBed, Process, Root};

use super::by_hand::{Agent, MANAGE, POOL, POOL_CGROUP, ask, light, process_in};

/// journald's socket.
pub const JOURNAL: &str = "/run/systemd/journal/socket";

/// A program in place of journald: prints each datagram, at once or when it is told to.
pub fn journal(bed: &Bed, when: &str) -> Process {
    let script = "use Socket; $| = 1; unlink $ARGV[0]; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; \
        bind($s, sockaddr_un($ARGV[0])) or die; print qq(bound\n); \
        <STDIN> if $ARGV[1] ne 'at once'; while (1) { recv($s, my $d, 65536, 0); print $d, qq(END\n) }";
    let _ = bed.exec(["mkdir", "-p", "/run/systemd/journal"]).success();
    let mut journal = bed.spawn_as("root", ["perl", "-e", script, JOURNAL, when]);
    assert_eq!(journal.line(), "bound");
    journal
}

/// Fills the queue of a journal that does not read.
pub fn fill(bed: &Bed) {
    let script = "use Socket; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; connect($s, sockaddr_un($ARGV[0])) or die; \
        $s->blocking(0); while (defined send($s, q(x), 0)) {} die $! unless $!{EAGAIN};";
    let _ = bed.exec(["perl", "-MIO::Handle", "-MErrno", "-e", script, JOURNAL]).success();
}

/// The agent with that journal, and a process that it allows.
pub fn with_journal(root: &Root) -> (LightBed, Process, Agent, Process) {
    with_journal_by(root, POOL)
}

/// The same with another configuration.
pub fn with_journal_by(root: &Root, config: &str) -> (LightBed, Process, Agent, Process) {
    let bed = light(root);
    let mut journal = journal(&bed, "at once");
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let agent = Agent::start(&bed, config);
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    let text = until_outcome(&mut journal);
    assert!(text.contains("POLKIT_AGENT_OUTCOME=sent"), "{text}");
    assert!(text.contains("POLKIT_AGENT_VERDICT=allow\n"), "{text}");
    assert!(text.contains("MESSAGE_ID=062650a6bb21482cb26e15a767235462\n"), "{text}");
    assert_eq!(agent.records(), [], "records go to the journal alone");
    (bed, journal, agent, process)
}

/// Asks for a process while the journal takes nothing, does that between the decision and the answer, and lets the journal go
/// on. What polkit said in the end, and the journal.
pub fn before_the_answer(bed: &LightBed, agent: &Agent, pid: u32, change: impl FnOnce()) -> (Verdict, Process) {
    let mut journal = journal(bed, "later");
    fill(bed);
    let sockets = || {
        let count = format!("ls -l /proc/{}/fd | grep -c socket:", agent.pid());
        bed.exec(["sh", "-c", &count]).success().text().parse::<u32>().unwrap()
    };
    // Its connections for the next registrations come when they come.
    let mut before = sockets();
    loop {
        std::thread::sleep(Duration::from_millis(300));
        match sockets() {
            now if now == before => break,
            now => before = now,
        }
    }
    let verdict = std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(bed, pid, MANAGE));
        while sockets() <= before {
            assert!(!asked.is_finished(), "it did not wait: {}", agent.said());
        }
        change();
        journal.say("read");
        asked.join().unwrap()
    });
    (verdict, journal)
}

/// The entries up to the next outcome, that one included.
pub fn until_outcome(journal: &mut Process) -> String {
    let mut text = String::new();
    while !text.contains("POLKIT_AGENT_OUTCOME=") {
        let line = journal.line();
        assert!(!line.is_empty(), "the journal ended: {text}");
        text += &(line + "\n");
    }
    text
}
