//! The codes of findings. A code is never reused, and a mistake never gets another code.

use polkit_config::report::Level;

/// A kind of mistake.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `PG…`
    pub id: &'static str,
    /// The severity.
    pub level: Level,
    /// A short title.
    pub title: &'static str,
    /// The explanation, for `check --code`.
    pub text: &'static str,
    /// The remedy.
    pub help: &'static str,
}

macro_rules! codes {
    ($($id:ident $level:ident $title:literal $text:literal $help:literal)*) => {
        $(#[doc = $title] pub const $id: Code = Code {
            id: stringify!($id), level: Level::$level, title: $title, text: $text, help: $help,
        };)*
        /// All codes, in order.
        pub const ALL: &[&Code] = &[$(&$id),*];
    };
}

codes! {
    PG001 Error "the file does not compile"
        "polkitd logs `Error compiling script` and ignores the whole file. Duktape, the engine of polkit 126 and later and of \
         Debian's 122, supports little more than ECMAScript 5: no let, no arrow functions, no template literals, no for-of, no \
         classes, no default parameters."
        "use ECMAScript 5: var, function, \"a\" + b"
    PG002 Error "the file throws an exception when it is loaded"
        "polkitd stops running the file at this place. Rules that were added before remain; later rules are missing."
        "move code that can fail into a rule, or catch the exception"
    PG003 Warning "the file does not load in Duktape"
        "This polkit is built, or may be built, with Mozilla's engine, which supports more. Debian 12 builds 122 with Duktape, and \
         from 126 on Duktape is the only engine."
        "use ECMAScript 5, which both engines support"
    PG004 Error "the file does not end when it is loaded"
        "polkitd waits 15 seconds for the file at every start and change, and then stops running it."
        "end the loop"
    PG005 Note "the file depends on a fact that is not known here"
        "The file runs a program when it is loaded. polkitd runs this program, and this command does not, so that it cannot say which \
         rules the file adds."
        "call polkit.spawn() in a rule, after a test of action.id"
    PG010 Error "a rule returns a value that is not a string"
        "polkit 122 to 128 with Duktape hang or crash, so that every check on the host fails."
        "return polkit.Result.YES, or nothing"
    PG011 Error "a rule returns a string that is not a result"
        "polkit refuses every request for which the rule returns this string, and runs no later rules."
        "use polkit.Result, or one of yes, no, auth_self, auth_self_keep, auth_admin, auth_admin_keep"
    PG012 Error "polkit.Result has no such name"
        "The value is undefined, so the rule has no result: later rules and the implicit authorization decide. polkitd logs nothing."
        "use polkit.Result.NO, YES, AUTH_SELF, AUTH_SELF_KEEP, AUTH_ADMIN, AUTH_ADMIN_KEEP or NOT_HANDLED"
    PG013 Warning "a detail is used that may be missing"
        "action.lookup() returns undefined if the mechanism passes no such detail. A method call on it throws an exception, which \
         refuses every request that reaches this rule."
        "store it in a variable and test it first: `var unit = action.lookup(\"unit\"); if (unit && unit.indexOf(…) == 0)`"
    PG014 Error "action has no such method"
        "The call throws an exception, which refuses every request that reaches this rule."
        "use the id, action.id: `action.id.indexOf(\"org.example.\") == 0`"
    PG015 Warning "subject has no such property"
        "The value is undefined, so the condition is never true."
        "subject has user, groups, local, active, seat, session, pid; isInGroup() and isInNetGroup(); from 124 on system_unit"
    PG016 Warning "a kept result depends on a detail"
        "polkit keeps the authorization for the action and the process with any details: a user who has authenticated for one unit \
         is authorized for the others for some minutes."
        "use AUTH_SELF or AUTH_ADMIN without _KEEP"
    PG017 Warning "libvirt cannot ask for a password here"
        "libvirt checks org.libvirt.api.* without interaction: every AUTH_ result is a refusal."
        "return YES or NO for org.libvirt.api.*"
    PG018 Note "a service has no session"
        "subject.local is false for services, cron and ssh, and subject.active for services and cron: such a rule never applies to them."
        "remove the condition if the rule is for a service"
    PG019 Error "Duktape does not have this name"
        "Using it throws an exception when the rule runs, which refuses every request that reaches this rule."
        "use arrays, objects and indexOf()"
    PG020 Note "the file name sorts before two-digit names"
        "File names are sorted as text: 100-x.rules comes before 50-x.rules, and the first rule with a result decides."
        "use two digits"
    PG021 Warning "the failure of a program refuses everything"
        "polkit.spawn() throws an exception if the program fails or takes 10 seconds, which refuses every request that reaches this \
         rule. polkitd does nothing else while the program runs."
        "test action.id first, and put the call into try { } catch (error) { return null; }"
    PG022 Warning "an earlier rule always decides this action"
        "The first rule with a result decides, and files run in the order of their names: after `if (action.id == \
         \"org.example.run\") { return polkit.Result.NO; }` in 10-a.rules, no rule for org.example.run in 50-b.rules is ever run."
        "remove one of the two, or rename the later file so that it sorts before the earlier"
    PG023 Warning "the group does not exist, but another group has the same purpose"
        "subject.isInGroup() is false for all users if the group does not exist: `subject.isInGroup(\"libvirtd\")` where the \
         group is called libvirt."
        "use the group of this distribution"
    PG024 Note "a remote session is also active"
        "For polkit a session without a seat is active: `if (subject.active) { return polkit.Result.YES; }` also applies to users who \
         are logged in through ssh."
        "to allow only users at the seat, use subject.local && subject.active"
    PG025 Warning "a session is required of a service"
        "Services run as this user, and a service has no session: `if (subject.user == \"www-data\" && subject.active)` is never \
         true."
        "remove the condition on the session"
    PG030 Error "the whole pkla file is ignored"
        "One line that is not a comment, a [group] or key=value makes polkit ignore the file. A comment begins with `#` at the start of \
         a line, and a list must be on one line. polkit logs nothing."
        "correct the line"
    PG031 Error "an entry is ignored"
        "The other entries of the file remain in force. polkit logs nothing."
        "use the results yes, no, auth_self, auth_self_keep, auth_admin and auth_admin_keep, without a blank at the end"
    PG032 Warning "an identity that matches no user"
        "Identities are compared as written, with blanks, quotes and brackets, and by name, not by number. Only `*` and `?` have a \
         special meaning, and only `;` separates."
        "use unix-user:NAME, unix-group:NAME or unix-netgroup:NAME, separated by `;` without blanks"
    PG033 Warning "two entries have the same name"
        "The two become one entry, in which the later value of each key counts."
        "give each [group] a unique name"
    PG034 Warning "the entry grants access to every user"
        "The identities `*` and `unix-user:*` match every account of the host, including services and guests."
        "use a group"
    PG035 Note "the entry does not apply to services"
        "Without ResultAny the entry has no result for services, cron and ssh."
        "add ResultAny if the entry is for a service"
    PG036 Warning "an unknown key"
        "The keys are Identity, Action, ResultAny, ResultInactive, ResultActive and ReturnValue, in exactly this spelling."
        "correct the key"
    PG037 Warning "a later entry overrides this result"
        "The last matching entry of a directory replaces all three results, also if it does not set them."
        "set all three results in each entry"
    PG038 Warning "the entry grants every action"
        "`Action=*` also matches actions that packages add later. The grant is equivalent to root access."
        "list the actions"
    PG040 Warning "a file that polkit does not read"
        "The file is in one of polkit's directories, but this version of polkit does not read it."
        "move or remove the file"
    PG041 Error "polkitd's user cannot read the file"
        "From 0.106 on polkitd does not run as root. It ignores a file of mode 0600 and only logs a line."
        "set mode 0644 and write the file again, because polkitd does not notice a chmod"
    PG042 Error "users other than root may change the file"
        "Rules decide what users may do as root. A user who may write the file, or a directory above it, has root-equivalent access."
        "make root the owner of the file and its directories, writable only by root"
    PG050 Error "the policy file has an error"
        "`generate` and `install` refuse the file for the same reason."
        "correct the file"
    PG051 Warning "the policy file names something that does not exist"
        "An action, a detail, a unit, a user or a group of the policy does not exist here, or the policy has another weakness. \
         `generate` and `install` warn of the same."
        "correct the name, or install the package first"
    PG052 Error "the file of a mechanism has an error"
        "The file extends the table of mechanisms: what a service passes to polkit, and the texts of its refusals. All commands use \
         the table without the file."
        "correct the file"
    PG060 Error "an assignment where a comparison is meant"
        "`=` sets the value, and the condition is true if the new value is: `if (action.id = \"org.example.run\")` is true for every \
         action, and the rules that follow see the new id."
        "compare with `==`"
    PG061 Error "a condition does not depend on the request"
        "A string is always true: `if (action.id == \"a\" || \"b\")` is true for every action. `x != \"a\" || x != \"b\"` is always \
         true, and `x == \"a\" && x == \"b\"` is never true."
        "compare each value: `action.id == \"a\" || action.id == \"b\"`, or `action.id != \"a\" && action.id != \"b\"`"
    PG062 Error "a position is used as a truth value"
        "indexOf() returns the position: 0, which is false, at the start, and -1, which is true, if the text does not occur. The \
         condition is true for all the other values."
        "compare the position: `action.id.indexOf(\"org.example.\") == 0` for a start, `list.indexOf(action.id) >= 0` for a list"
    PG063 Error "a result is not returned"
        "A rule decides only by `return`. Without it, later rules and the implicit authorization decide. A `return` in a function \
         inside the rule ends this function only."
        "write `return` before the result"
    PG064 Error "values that are never equal are compared"
        "`action` and `subject` are objects, `subject.groups` is a list, and `in` tests the indexes of a list. None of them equals a \
         text."
        "compare `action.id` and `subject.user`; use subject.isInGroup(), and indexOf() for a list"
    PG065 Error "a function is not called"
        "Without parentheses, `subject.isInGroup` is the function itself: it is always true, and equals no text."
        "call it: `subject.isInGroup(\"wheel\")`"
    PG066 Error "a pattern is compared as a text"
        "`==`, indexOf(), startsWith(), isInGroup() and keys compare `*` as it is. No id, user, group or unit contains it, so that the \
         condition is never true."
        "test the start: `action.id.indexOf(\"org.example.\") == 0`"
    PG067 Warning "`&&` and `||` are mixed without parentheses"
        "`&&` binds more tightly than `||`: in `action.id == \"a\" || action.id == \"b\" && subject.isInGroup(\"g\")` the group is \
         required for `b` only."
        "put the alternatives in parentheses: `(… || …) && …`"
    PG068 Warning "no .policy file defines this action"
        "polkit decides only actions that a .policy file registers. A rule or entry for another id has no effect."
        "use the id of a registered action; `polkit-policy-gen actions` lists them"
    PG069 Warning "the mechanism does not pass this detail"
        "action.lookup() returns undefined for a detail that the mechanism does not pass, so the condition is never true."
        "`polkit-policy-gen actions` lists the details of an action"
    PG070 Warning "the property is never set"
        "polkit sets subject.system_unit only for callers over D-Bus. libvirt and other mechanisms that pass a process have null \
         here, on every version."
        "test the user, or a detail of the action"
    PG071 Note "the group is root-equivalent"
        "A member of this group can become root without polkit, or by a rule of the distribution (`empower` of systemd's run0)."
        "grant to a group that exists for this purpose"
    PG073 Warning "a rule changes the request"
        "All rules get the same `action` and `subject`. A change is visible to the rules that follow, in all files."
        "store the value in a variable"
    PG080 Error "every user is granted every action"
        "The rule or entry grants also actions that it does not name, to users that it does not name. Every process is \
         root-equivalent then."
        "test action.id, and the group or the user"
    PG081 Warning "a user or a group is granted every action"
        "The rule or entry grants also actions that it does not name, now and in the future. This is equivalent to root access."
        "name the actions"
    PG082 Error "a rule throws an exception"
        "polkitd refuses each request for which a rule throws an exception, and runs no later rules."
        "test the value before it is used"
    PG083 Warning "an action is granted to every user"
        "This includes services, remote users and guests."
        "test the group or the user; for users at the seat, subject.local && subject.active"
    PG084 Warning "every user is refused every action"
        "The rule or entry refuses also actions that it does not name. Later rules are never run, and the implicit authorization \
         does not apply."
        "return polkit.Result.NO only for the actions that are meant, and nothing otherwise"
    PG085 Warning "the file decides every request"
        "The rules have a result also for actions that they do not name. Rules of later files are never run, and the implicit \
         authorization does not apply."
        "return nothing for the actions that are not meant"
    PG086 Warning "the file never decides"
        "The rules have no result for any action and any subject that they name. Later rules and the implicit authorization decide."
        "correct the conditions, or remove the file"
}

/// Returns the code with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.id.eq_ignore_ascii_case(id)).copied()
}
