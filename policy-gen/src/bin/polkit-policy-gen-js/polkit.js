// What a rules file finds: `polkit`, `Action` and `Subject`, as polkit 122 to 128 have them with Duktape.
//
// `host` is ours: what the engine does for it. This text is run once, and returns the functions that the engine itself calls.

(function (host) {
    var define = Object.defineProperty, create = Object.create, apply = Reflect.apply, keys = Object.keys;
    var text = String, isArray = Array.isArray, random = Math.random;
    var Failure = Error, WrongType = TypeError;
    var lineOf = Object.getOwnPropertyDescriptor(Error.prototype, "lineNumber").get;
    // What the engine is asked for.
    var SPAWN = 0, NETGROUP = 1, ADDED = 2, UNKNOWN = 3;
    // Nothing is asked about what is only written into a text, such as a log line.
    var quiet = false;
    // Every rule with its number, in the order in which the files added them, and the one that runs. A rules file may change
    // what all objects inherit, and polkitd does not mind: what is ours inherits nothing.
    var known = create(null), added = 0, current = null;

    // For `conceal`: what each property is to be.
    var concealed = create(null);

    // What a property is to be, for `define`.
    function described(value) {
        var description = create(null);
        description.enumerable = description.configurable = true;
        if (value) {
            description.writable = true;
            description.value = value.is;
        }
        return description;
    }

    // The methods of actions and subjects. polkitd makes them anew for each; here that is done only after a rule has given one of
    // them a property, which the next must not have.
    function methods() {
        return {
            lookup: function (key) {
                return this["_detail_" + key];
            },
            describeAction: function () {
                var out = "[Action id='" + this.id + "'";
                for (var name in this) {
                    if (name.indexOf("_detail_") == 0) {
                        out += " " + name.substr(8) + "='" + this[name] + "'";
                    }
                }
                return out + "]";
            },
            isInGroup: function (group) {
                for (var i = 0; i < this.groups.length; i += 1) {
                    if (this.groups[i] == group) {
                        return true;
                    }
                }
                return false;
            },
            isInNetGroup: function (netgroup) {
                return polkit._userIsInNetGroup(this.user, netgroup);
            },
            describeSubject: function () {
                var out = "[Subject", name, value, before = quiet;
                quiet = true;
                for (name in this) {
                    value = this[name];
                    if (typeof value != "function") {
                        out += " " + name + (typeof value == "string" ? "='" + value + "'" : "=" + value);
                    }
                }
                quiet = before;
                return out + "]";
            }
        };
    }
    var shared = methods();

    function properties(method) {
        return keys(method).length;
    }

    Action = function Action() {
        var of = shared;
        if (properties(of.lookup) + properties(of.describeAction) + properties(of.isInGroup) +
                properties(of.isInNetGroup) + properties(of.describeSubject) > 0) {
            of = shared = methods();
        }
        this.lookup = of.lookup;
        this.toString = of.describeAction;
    };

    Subject = function Subject() {
        var of = shared;
        this.isInGroup = of.isInGroup;
        this.isInNetGroup = of.isInNetGroup;
        this.toString = of.describeSubject;
    };

    polkit = {
        log: function (message) {
            if (typeof message != "string") {
                throw new WrongType("string required, found " + text(message) + " (stack index 0)");
            }
        },
        spawn: function (words) {
            var line = "", i, said;
            if (!isArray(words)) {
                throw new Failure("error (rc -1)");
            }
            for (i = 0; i < words.length; i += 1) {
                line += text(words[i]) + "\u0000";
            }
            said = host(SPAWN, line, i);
            if (typeof said != "string") {
                throw new Failure("Helper exited with non-zero exit status " + said + ", stdout=`', stderr=`'");
            }
            return said;
        },
        _userIsInNetGroup: function (user, netgroup) {
            if (typeof user != "string" || typeof netgroup != "string") {
                throw new WrongType("string required");
            }
            return host(NETGROUP, netgroup);
        }
    };
    polkit._adminRuleFuncs = [];
    polkit.addAdminRule = function (rule) {
        this._adminRuleFuncs.push(rule);
    };
    // Nobody asks it here: it has no part in what is decided without a password.
    polkit._runAdminRules = function (action, subject) {
        for (var i = 0; i < this._adminRuleFuncs.length; i += 1) {
            var said = this._adminRuleFuncs[i](action, subject);
            if (said) {
                return said.join(",");
            }
        }
        return null;
    };
    polkit._ruleFuncs = [];
    polkit.addRule = function (rule) {
        known[added] = rule;
        added += 1;
        host(ADDED);
        this._ruleFuncs.push(rule);
    };
    polkit._runRules = function (action, subject) {
        var rule = null, rules, i, said;
        try {
            // A rule may give polkit other rules.
            for (i = 0; i < (rules = this._ruleFuncs).length; i += 1) {
                rule = rules[i];
                said = rule(action, subject);
                if (said) {
                    return said;
                }
            }
            rule = null;
            return null;
        } finally {
            current = rule;
        }
    };
    polkit._deleteRules = function () {
        this._adminRuleFuncs = [];
        this._ruleFuncs = [];
    };
    polkit.Result = {
        NO: "no", YES: "yes", AUTH_SELF: "auth_self", AUTH_SELF_KEEP: "auth_self_keep", AUTH_ADMIN: "auth_admin",
        AUTH_ADMIN_KEEP: "auth_admin_keep", NOT_HANDLED: null
    };
    Math.random = function () {
        host(UNKNOWN, "Math.random()");
        return random();
    };

    return {
        // The number of the rule that ran last, or null.
        ran: function () {
            for (var i = 0; current !== null && i < added; i += 1) {
                if (known[i] === current) {
                    return i;
                }
            }
            return null;
        },
        // The line where an error came up.
        line: function (error) {
            try {
                return apply(lineOf, error, []);
            } catch (other) {
                return null;
            }
        },
        // Gives the subject a property whose value nobody knows, so that a rule which reads it is noticed.
        conceal: function (subject, name, value) {
            var description = concealed[name];
            if (!description) {
                description = concealed[name] = described();
                description.get = function () {
                    if (!quiet) {
                        host(UNKNOWN, "subject." + name);
                    }
                    return value;
                };
                description.set = function (other) {
                    var own = create(null);
                    own.is = other;
                    define(this, name, described(own));
                };
            }
            define(subject, name, description);
        }
    };
})
