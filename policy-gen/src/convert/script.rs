//! The JavaScript function of a converted tree, before and after its table.

/// The function. Like all generated code it cannot throw, and it returns null or one of polkit's results.
pub(super) const BEFORE: &str = r#"(function () {
    // The entries in reading order: the number of the directory, whether the entry is for all users by default, its identities
    // (exact names, patterns with * and ?, netgroups), and its results for any, inactive and active.
    var entries = [];
    // For each action id, the numbers of the entries that list it; and the same for action patterns.
    var actions = {};
    var patterns = [];
    var own = Object.prototype.hasOwnProperty;

    function addEntries(part) {
        for (var i = 0; i < part.length; i += 1) {
            entries.push(part[i]);
        }
    }

    function addActions(part) {
        for (var i = 0; i < part.length; i += 1) {
            actions["$" + part[i].action] = part[i].entries;
        }
    }

    function addPatterns(part) {
        for (var i = 0; i < part.length; i += 1) {
            patterns.push(part[i]);
        }
    }

    function covers(pattern, text) {
        var at = 0;
        var place = 0;
        var after = -1;
        var from = 0;
        while (at < pattern.length || place < text.length) {
            var letter = pattern.charAt(at);
            if (letter === "*") {
                at += 1;
                after = at;
                from = place;
            } else if (place < text.length && at < pattern.length && (letter === "?" || letter === text.charAt(place))) {
                at += 1;
                place += 1;
            } else if (after !== -1 && from < text.length) {
                from += 1;
                at = after;
                place = from;
            } else {
                return false;
            }
        }
        return true;
    }

    // The numbers of the entries that match an action, sorted, without duplicates.
    function about(id) {
        var exact = own.call(actions, "$" + id) ? actions["$" + id] : [];
        var all = exact.slice(0);
        for (var i = 0; i < patterns.length; i += 1) {
            if (covers(patterns[i].pattern, id)) {
                all = all.concat(patterns[i].entries);
            }
        }
        all.sort(function (a, b) {
            return a - b;
        });
        var once = [];
        for (var j = 0; j < all.length; j += 1) {
            if (j === 0 || all[j] !== all[j - 1]) {
                once.push(all[j]);
            }
        }
        return once;
    }

    function names(entry, name) {
        if (own.call(entry.names, "$" + name)) {
            return true;
        }
        for (var i = 0; i < entry.patterns.length; i += 1) {
            if (covers(entry.patterns[i], name)) {
                return true;
            }
        }
        return false;
    }

    function inNetgroup(entry, subject) {
        for (var i = 0; i < entry.netgroups.length; i += 1) {
            if (subject.isInNetGroup(entry.netgroups[i])) {
                return true;
            }
        }
        return false;
    }

    // One round. Only the last matching entry of a directory counts: if it has no result, the result of before the directory stays.
    function round(found, matches, kind, answer) {
        var directory = -1;
        var before = answer;
        for (var i = 0; i < found.length; i += 1) {
            var entry = entries[found[i]];
            if (matches(entry)) {
                if (entry.directory !== directory) {
                    directory = entry.directory;
                    before = answer;
                }
                answer = entry.answers[kind] === null ? before : entry.answers[kind];
            }
        }
        return answer;
    }

"#;

pub(super) const AFTER: &str = r#"
    function byDefault(entry) {
        return entry.byDefault;
    }

    polkit.addRule(function (action, subject) {
        var found = about(action.id);
        if (found.length === 0) {
            return null;
        }
        var kind = subject.local ? (subject.active ? 2 : 1) : 0;
        var answer = round(found, byDefault, kind, null);
        var groups = subject.groups || [];
        var name = "";
        function named(entry) {
            return names(entry, name);
        }
        for (var i = groups.length - 1; i >= 0; i -= 1) {
            name = "unix-group:" + groups[i];
            answer = round(found, named, kind, answer);
        }
        name = "unix-user:" + subject.user;
        return round(found, function (entry) {
            return names(entry, name) || inNetgroup(entry, subject);
        }, kind, answer);
    });
}());
"#;
