//! The codes. They are never used for anything else, and never given to another mistake.

use polkit_config::report::Level;

/// A kind of mistake.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `PG…`
    pub id: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What happens, for `check --code`.
    pub text: &'static str,
    /// What to do.
    pub help: &'static str,
}

macro_rules! codes {
    ($($id:ident $level:ident $title:literal $text:literal $help:literal)*) => {
        $(#[doc = $title] pub const $id: Code = Code {
            id: stringify!($id), level: Level::$level, title: $title, text: $text, help: $help,
        };)*
        /// All of them, by number.
        pub const ALL: &[&Code] = &[$(&$id),*];
    };
}

codes! {
    PG001 Error "the file does not compile"
        "polkitd logs `Error compiling script` and drops the whole file; nobody is told. Duktape, the engine of polkit 126 and \
         later and of Debian's 122, knows ECMAScript 5 and little more: no let, no arrow functions, no template literals, no \
         for-of, no classes, no default parameters."
        "write it in ECMAScript 5: var, function, \"a\" + b"
    PG002 Error "the file throws when it is loaded"
        "polkitd stops running it there. Rules that it added before that stay, later ones are missing."
        "move what can fail into a rule, or guard it"
    PG003 Warning "the file does not load in Duktape"
        "This polkit is, or may be, built with Mozilla's engine, which takes more. Debian 12 builds 122 with Duktape, and from \
         126 on there is nothing else."
        "write it in ECMAScript 5, and it loads everywhere"
    PG004 Error "loading the file does not end"
        "polkitd waits 15 seconds for it, at every start and change, and then stops running it."
        "end the loop"
    PG010 Error "a rule returns something that is no text"
        "polkit 122 to 128 with Duktape hang or die of it: every check on the host then fails, not just this one."
        "return polkit.Result.YES, or nothing"
    PG011 Error "a rule returns a text that is no result"
        "polkit refuses: to everybody who gets this answer, whatever later rules say."
        "one of yes, no, auth_self, auth_self_keep, auth_admin, auth_admin_keep: polkit.Result has them"
    PG012 Error "polkit.Result has no such name"
        "It is undefined, and the rule then says nothing: later rules and the action's defaults decide, without a word in the log."
        "polkit.Result.NO, YES, AUTH_SELF, AUTH_SELF_KEEP, AUTH_ADMIN, AUTH_ADMIN_KEEP or NOT_HANDLED"
    PG013 Warning "a detail is used that may be absent"
        "action.lookup() is undefined where the mechanism passed no such detail; a method of it throws, and an exception refuses \
         every action to everybody who gets to this rule."
        "keep it in a variable and test it first: `var unit = action.lookup(\"unit\"); if (unit && unit.indexOf(…) == 0)`"
    PG014 Error "action has no such method"
        "Calling it throws, and an exception refuses every action to everybody who gets to this rule."
        "the id is action.id: `action.id.indexOf(\"org.example.\") == 0`"
    PG015 Warning "subject has no such property"
        "It is undefined, so the condition never holds."
        "subject has user, groups, local, active, seat, session, pid; isInGroup() and isInNetGroup(); from 124 on system_unit"
    PG016 Warning "an answer that is kept depends on a detail"
        "polkit keeps the authorization for the action and the process, whatever the details: who authenticated for one unit may \
         have the others for some minutes."
        "use AUTH_SELF or AUTH_ADMIN without _KEEP"
    PG017 Warning "libvirt cannot ask for a password here"
        "libvirt checks org.libvirt.api.* without interaction: every AUTH_ result is a refusal."
        "answer YES or NO for org.libvirt.api.*"
    PG018 Note "a service is in no session"
        "subject.local is false for services, cron and ssh, and subject.active for services and cron: such a rule never applies to them."
        "leave it out, if a service is meant"
    PG019 Error "Duktape has nothing of this name"
        "Using it throws when the rule runs, and an exception refuses every action to everybody who gets to this rule."
        "write it with arrays, objects and indexOf()"
    PG020 Note "the name sorts before what it looks like following"
        "Files are sorted as texts: 100-x.rules comes before 50-x.rules, and the first rule that answers decides."
        "give it two digits"
    PG021 Warning "a program is run, and its failure refuses everything"
        "polkit.spawn() throws where the program fails or takes 10 seconds, polkitd does nothing else meanwhile, and an exception \
         refuses every action to everybody who gets to this rule."
        "test action.id first, and put the call into try { } catch (error) { return null; }"
    PG022 Warning "an earlier rule always answers for this action"
        "The first rule that answers decides, and files are run by name: after `if (action.id == \"org.example.run\") { return \
         polkit.Result.NO; }` in 10-a.rules, nothing that 50-b.rules says of org.example.run is ever asked for."
        "take one of the two away, or give the later file a name that sorts before the earlier"
    PG023 Warning "there is no such group here, but one for the same purpose"
        "subject.isInGroup() of a group that does not exist is false for everybody: `subject.isInGroup(\"libvirtd\")` where the \
         group is called libvirt."
        "name the group of this distribution"
    PG024 Note "a session over the network is active, too"
        "polkit calls a session without a seat active: `if (subject.active) { return polkit.Result.YES; }` is also for whoever is \
         logged in by ssh."
        "if only somebody at the seat is meant: subject.local && subject.active"
    PG025 Warning "a service is asked for a session"
        "The user is one that services run as, and a service is in no session: `if (subject.user == \"www-data\" && \
         subject.active)` never holds."
        "leave the session out"
    PG030 Error "the whole pkla file is dropped"
        "One line that is no comment, no [group] and no key=value drops the file. A comment begins with `#` at the start of a \
         line; a list stands on one line. The message goes nowhere."
        "correct the line"
    PG031 Error "an entry is dropped"
        "The other entries of the file stay. The message goes nowhere."
        "results are yes, no, auth_self, auth_self_keep, auth_admin and auth_admin_keep, without a blank at the end"
    PG032 Warning "an identity that nobody has"
        "It is compared as it stands: with its blanks, quotes and brackets, by name and not by number. Only `*` and `?` mean \
         something else, and only `;` separates."
        "unix-user:NAME, unix-group:NAME or unix-netgroup:NAME, separated by `;` without blanks"
    PG033 Warning "two entries of one name are one"
        "Of each key the later one counts, so the first entry is gone."
        "give each [group] a name of its own"
    PG034 Warning "it is granted to everybody"
        "An identity of `*` or `unix-user:*` means every account of the host, services and guests too."
        "name a group"
    PG035 Note "a service gets nothing from this entry"
        "Without ResultAny it says nothing about services, cron and ssh."
        "add ResultAny, if a service is meant"
    PG036 Warning "a key that nothing reads"
        "Keys are Identity, Action, ResultAny, ResultInactive, ResultActive and ReturnValue, in exactly this spelling."
        "correct the key"
    PG037 Warning "a later entry takes this result away"
        "Of the entries of one directory the last that matches replaces all three results, with `not set` too."
        "write all three results in each entry"
    PG040 Warning "a file that nothing reads"
        "It lies where polkit's files lie, and this version of polkit does not read it."
        "move it, or take it away"
    PG041 Error "polkitd's user cannot read the file"
        "polkitd does not run as root from 0.106 on. A file of mode 0600 is passed over, with no more than a line in the log."
        "mode 0644; then write the file anew, since polkitd does not notice a chmod"
    PG042 Error "users other than root may change the file"
        "Rules decide what users may do as root. A user who may write the file, or a directory on the way to it, may do everything."
        "give the file and its directories to root, writable by root alone"
    PG050 Error "the policy file is wrong"
        "`generate` and `install` refuse it for the same reason."
        "correct it"
}

/// The code of this number.
#[must_use]
pub fn find(id: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.id.eq_ignore_ascii_case(id)).copied()
}
