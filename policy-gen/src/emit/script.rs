//! The part of a rules file that is the same for every policy: what fills the tables, and what decides by them.

/// What finds a grant. Nothing in it can throw, which would deny every action of the host.
pub const FIND: &str = r#"(function () {
    // The grants in their order: the answers without a local session, in an inactive one and in an active one, and what
    // the action's details must be (one of the exact values, or covered by a pattern, which is cut at its stars).
    var grants = [];
    // Of each action or pattern of such, of each name, the first grant that has it. Where details count, it is a list of
    // grants, up to the first that does not ask for them.
    var actions = {};
    // Of what patterns begin with, the patterns; those with a star in their midst as an expression, too.
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
                actions[key] = {users: {}, groups: {}, netgroups: {}};
            }
            copy(part[i].users, actions[key].users);
            copy(part[i].groups, actions[key].groups);
            copy(part[i].netgroups, actions[key].netgroups);
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

    function holds(detail, action) {
        var value = typeof action.lookup === "function" ? action.lookup(detail.key) : null;
        if (typeof value !== "string") {
            return false;
        }
        if (find(detail.exact, value) !== null) {
            return true;
        }
        for (var i = 0; i < detail.patterns.length; i += 1) {
            if (covers(detail.patterns[i], value)) {
                return true;
            }
        }
        return false;
    }

    function applies(grant, action) {
        if (!own.call(grant, "details")) {
            return true;
        }
        for (var i = 0; i < grant.details.length; i += 1) {
            if (!holds(grant.details[i], action)) {
                return false;
            }
        }
        return true;
    }

    // `first`, or an earlier one of these that applies.
    function earlier(numbers, action, first) {
        if (numbers === null) {
            return first;
        }
        var list = typeof numbers === "number" ? [numbers] : numbers;
        for (var i = 0; i < list.length && (first === null || list[i] < first); i += 1) {
            if (applies(grants[list[i]], action)) {
                return list[i];
            }
        }
        return first;
    }

    // `first`, or an earlier one that names the subject for what `pattern` covers.
    function named(pattern, action, subject, first) {
        var entry = find(actions, pattern);
        if (entry === null) {
            return first;
        }
        first = earlier(find(entry.users, subject.user), action, first);
        var groups = subject.groups || [];
        for (var i = 0; i < groups.length; i += 1) {
            first = earlier(find(entry.groups, groups[i]), action, first);
        }
        for (var key in entry.netgroups) {
            if (own.call(entry.netgroups, key)) {
                var found = earlier(entry.netgroups[key], action, first);
                if (found !== first && subject.isInNetGroup(key.slice(1))) {
                    first = found;
                }
            }
        }
        return first;
    }

"#;

/// What decides. It returns null or one of polkit's result words (as text: `polkit.Result` is absent from 0.106).
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
