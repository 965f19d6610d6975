//! The constant parts of a rules file: the functions that fill the tables, and the rule.

/// The functions that find a grant. They cannot throw, because an exception would deny every action of the host.
pub const FIND: &str = r#"(function () {
    // The grants in order: the results for any, inactive and active, the required details and units (exact values, or patterns
    // split at their stars), and the required session.
    var grants = [];
    // For each action or action pattern and each name, and for every user: the first grant. If grants have conditions, a list of
    // grants, up to the first without conditions.
    var actions = {};
    // For each prefix: the patterns with this prefix, and a regular expression if there is a star before the end.
    var patterns = {};
    var lengths = [];
    var own = Object.prototype.hasOwnProperty;

    function find(table, name) {
        var key = "$" + name;
        return own.call(table, key) ? table[key] : null;
    }

    function copy(from, to) {
        for (var key in from) {
            if (own.call(from, key)) {
                to[key] = from[key];
            }
        }
    }

    function addGrants(part) {
        for (var i = 0; i < part.length; i += 1) {
            grants.push(part[i]);
        }
    }

    function addNames(part) {
        for (var i = 0; i < part.length; i += 1) {
            var key = "$" + part[i].action;
            if (!own.call(actions, key)) {
                actions[key] = {users: {}, groups: {}, netgroups: {}, everybody: null};
            }
            copy(part[i].users, actions[key].users);
            copy(part[i].groups, actions[key].groups);
            copy(part[i].netgroups, actions[key].netgroups);
            if (own.call(part[i], "everybody")) {
                actions[key].everybody = part[i].everybody;
            }
        }
    }

    function addPatterns(part) {
        for (var i = 0; i < part.length; i += 1) {
            var key = "$" + part[i].begins;
            if (!own.call(patterns, key)) {
                patterns[key] = [];
            }
            patterns[key].push(part[i]);
        }
    }

    function covers(parts, text) {
        var last = parts.length - 1;
        var at = parts[0].length;
        var end = text.length - parts[last].length;
        if (at > end || text.slice(0, at) !== parts[0] || text.slice(end) !== parts[last]) {
            return false;
        }
        for (var i = 1; i < last; i += 1) {
            at = text.indexOf(parts[i], at);
            if (at === -1 || at + parts[i].length > end) {
                return false;
            }
            at += parts[i].length;
        }
        return true;
    }

    function matches(known, value) {
        if (typeof value !== "string") {
            return false;
        }
        if (find(known.exact, value) !== null) {
            return true;
        }
        for (var i = 0; i < known.patterns.length; i += 1) {
            if (covers(known.patterns[i], value)) {
                return true;
            }
        }
        return false;
    }

    function applies(grant, action, subject) {
        if (own.call(grant, "units") && !matches(grant.units, subject.system_unit)) {
            return false;
        }
        if (own.call(grant, "noNewPrivileges") && subject.no_new_privileges !== true) {
            return false;
        }
        if (own.call(grant, "session") && !(grant.session === "local" ? subject.local : !subject.session)) {
            return false;
        }
        var details = own.call(grant, "details") ? grant.details : [];
        for (var i = 0; i < details.length; i += 1) {
            var value = typeof action.lookup === "function" ? action.lookup(details[i].key) : null;
            if (!matches(details[i], value)) {
                return false;
            }
        }
        return true;
    }

    // Returns the first applicable of these grants if it comes before `first`, otherwise `first`.
    function earlier(numbers, action, subject, first) {
        if (numbers === null) {
            return first;
        }
        var list = typeof numbers === "number" ? [numbers] : numbers;
        for (var i = 0; i < list.length && (first === null || list[i] < first); i += 1) {
            if (applies(grants[list[i]], action, subject)) {
                return list[i];
            }
        }
        return first;
    }

    // Returns the first grant for the subject in the entry of `pattern` if it comes before `first`, otherwise `first`.
    function named(pattern, action, subject, first) {
        var entry = find(actions, pattern);
        if (entry === null) {
            return first;
        }
        first = earlier(entry.everybody, action, subject, first);
        first = earlier(find(entry.users, subject.user), action, subject, first);
        var groups = subject.groups || [];
        for (var i = 0; i < groups.length; i += 1) {
            first = earlier(find(entry.groups, groups[i]), action, subject, first);
        }
        for (var key in entry.netgroups) {
            if (own.call(entry.netgroups, key)) {
                var found = earlier(entry.netgroups[key], action, subject, first);
                if (found !== first && subject.isInNetGroup(key.slice(1))) {
                    first = found;
                }
            }
        }
        return first;
    }

"#;

/// The rule. It returns null or one of polkit's results as a string (`polkit.Result` is missing in 0.106).
pub const DECIDE: &str = r#"
    polkit.addRule(function (action, subject) {
        var first = named(action.id, action, subject, null);
        for (var i = 0; i < lengths.length && lengths[i] <= action.id.length; i += 1) {
            var found = find(patterns, action.id.slice(0, lengths[i])) || [];
            for (var j = 0; j < found.length; j += 1) {
                if (found[j].expression === null || found[j].expression.test(action.id)) {
                    first = named(found[j].pattern, action, subject, first);
                }
            }
        }
        if (first === null) {
            return null;
        }
        var grant = grants[first];
        if (!subject.local) {
            return grant.any;
        }
        return subject.active ? grant.active : grant.inactive;
    });
}());
"#;
