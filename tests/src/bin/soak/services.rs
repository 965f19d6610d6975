//! Apache, php-fpm and cron: a thousand requests each, by both ways.

use std::time::{Duration, Instant};

use polkit_tests::{Root, Suite, product};

use crate::setting::{Setting, Way, rule};

const REQUESTS: usize = 1000;
/// cron's jobs, each of which starts virsh every second.
const JOBS: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Apache,
    Fpm,
    Cron,
}

impl Service {
    fn unit(self) -> &'static str {
        match self {
            Self::Apache => "apache2.service",
            Self::Fpm => "php*-fpm.service",
            Self::Cron => "cron.service",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Apache => "Apache prefork",
            Self::Fpm => "php-fpm, pm.max_requests = 5",
            Self::Cron => "cron, virsh every second",
        }
    }
}

/// Four at a time, and what each page said.
const ASK_PAGES: &str = r#"#!/bin/sh
seq "$1" | xargs -P 4 -I {} curl -sS --max-time 60 http://localhost/list.php
"#;

/// php-fpm in the place of Apache's own PHP.
const USE_FPM: &str = r#"#!/bin/sh
set -e
version=$(ls /etc/php)
echo 'pm.max_requests = 5' >> /etc/php/$version/fpm/pool.d/www.conf
a2dismod -q php$version
a2enmod -q proxy_fcgi setenvif
a2enconf -q php$version-fpm
systemctl restart php$version-fpm apache2
"#;

/// One job: as many requests as it is told, one a second; it runs once.
const JOB: &str = r#"#!/bin/sh
mkdir "/run/requests/$1" 2>/dev/null || exit 0
i=0
while [ $i -lt "$2" ]; do
    virsh -c "$(cat /usr/local/share/uri)" list --name 2>&1 | tr '\n' ' ' > "/run/requests/$1/$i"
    i=$((i + 1))
    sleep 1
done
touch "/run/requests/$1/done"
"#;

/// All of it; whether the hook let everybody in, and every request was recorded.
pub fn run(roots: &[Root]) -> bool {
    println!(
        "| suite | way | service | requests | failed | with no agent | checks | challenges | allowed, on record | registrations | leaked | stalls of polkitd |"
    );
    println!("|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let mut right = true;
    for root in roots {
        let services: &[Service] = match root.suite() {
            // It has no libvirt module for PHP.
            Suite::Forky => &[Service::Cron],
            _ => &[Service::Apache, Service::Fpm, Service::Cron],
        };
        for way in Way::BOTH {
            for service in services {
                right &= one(root, way, *service);
            }
        }
    }
    right
}

fn one(root: &Root, way: Way, service: Service) -> bool {
    eprintln!("soak: {}, {}, {}", root.suite(), way.word(), service.name());
    // A unit that runs what users tell it to is no key of a grant.
    let keys = if service == Service::Cron { String::new() } else { format!("unit = \"{}\"\n", service.unit()) };
    let config = way.serve(service.unit()) + &rule("requests", &keys);
    let crontab: String =
        (0..JOBS).map(|job| format!("* * * * * www-data /usr/local/bin/job {job} {}\n", REQUESTS / JOBS)).collect();
    let mut files = vec![
        (product::PAGE_FILE, 0o644, product::PAGE),
        ("/usr/local/bin/ask-pages", 0o755, ASK_PAGES),
        ("/usr/local/bin/use-fpm", 0o755, USE_FPM),
        ("/usr/local/bin/job", 0o755, JOB),
        ("/usr/local/share/uri", 0o644, product::TEST_URI),
    ];
    if service == Service::Cron {
        files.push(("/etc/cron.d/requests", 0o644, &crontab));
    }
    let mut setting = Setting::new(root, way, &config, &files);
    let said = match service {
        Service::Apache => pages(&setting),
        Service::Fpm => {
            let _ = setting.bed.exec(["/usr/local/bin/use-fpm"]).success();
            pages(&setting)
        }
        Service::Cron => jobs(&setting),
    };
    let answered = said.matches("test").count() - said.matches("test+unix").count();
    let without_agent = said.matches("no polkit agent available").count();
    let tally = setting.tally();
    let (allowed, leaked, stalls) = (setting.decisions("allow"), setting.leaked(), setting.stalls());
    println!(
        "| {} | {} | {} | {REQUESTS} | {} | {without_agent} | {} | {} | {allowed} | {} | {leaked} | {stalls} |",
        root.suite(),
        way.word(),
        service.name(),
        REQUESTS - answered,
        tally.checks,
        tally.challenges,
        tally.registrations,
    );
    let asked = if way == Way::Hook { tally.checks } else { tally.challenges };
    let failed_right = way == Way::Registered || answered == REQUESTS;
    allowed == answered && asked >= answered && failed_right
}

fn pages(setting: &Setting) -> String {
    // In parts: a program in a bed has two minutes.
    (0..4).map(|_| setting.bed.exec(["/usr/local/bin/ask-pages", &(REQUESTS / 4).to_string()]).all()).collect()
}

fn jobs(setting: &Setting) -> String {
    let _ = setting.bed.exec(["install", "-d", "-m", "1777", "/run/requests"]).success();
    let finished = || {
        let done = setting.bed.exec(["sh", "-c", "ls -d /run/requests/*/done 2>/dev/null | wc -l"]).success();
        done.text().parse() == Ok(JOBS)
    };
    let began = Instant::now();
    while !finished() {
        assert!(began.elapsed() < Duration::from_secs(600), "the jobs of cron are not done after ten minutes");
        std::thread::sleep(Duration::from_secs(2));
    }
    setting.bed.exec(["sh", "-c", "cat /run/requests/*/[0-9]*"]).success().stdout
}
