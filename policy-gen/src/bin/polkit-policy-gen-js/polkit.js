// The environment of rules files: `polkit`, `Action` and `Subject`, as in polkit 122 to 128 with Duktape.
//
// `host` calls the engine. This script runs once and returns the functions that the engine calls.

(function (host) {
    var define = Object.defineProperty, create = Object.create, apply = Reflect.apply;
    var text = String, isArray = Array.isArray, random = Math.random;
    var Failure = Error, WrongType = TypeError;
    var lineOf = Object.getOwnPropertyDescriptor(Error.prototype, "lineNumber").get;
    // The operations of `host`.
    var SPAWN = 0, NETGROUP = 1, ADDED = 2, UNKNOWN = 3;
    // Set while a text such as a log line is formatted: unknown facts in it are not reported.
    var quiet = false;
    // Whether no rules file can notice how objects and arrays are made.
    var plain = true;
    // All rules by number, in the order in which files added them, and the running rule. A rules file may change the
    // prototype of all objects, so this object has no prototype.
    var known = create(null), added = 0, current = null;

    // Functions that make the methods of actions and subjects. As in polkitd, each object gets its own.
    var make = {
        lookup: function () {
            return function (key) {
                return this["_detail_" + key];
            };
        },
        describeAction: function () {
            return function () {
                var out = "[Action id='" + this.id + "'";
                for (var name in this) {
                    if (name.indexOf("_detail_") == 0) {
                        out += " " + name.substr(8) + "='" + this[name] + "'";
                    }
                }
                return out + "]";
            };
        },
        isInGroup: function () {
            return function (group) {
                for (var i = 0; i < this.groups.length; i += 1) {
                    if (this.groups[i] == group) {
                        return true;
                    }
                }
                return false;
            };
        },
        isInNetGroup: function () {
            return function (netgroup) {
                return polkit._userIsInNetGroup(this.user, netgroup);
            };
        },
        describeSubject: function () {
            return function () {
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
            };
        }
    };

    Action = function Action() {
        this.lookup = make.lookup();
        this.toString = make.describeAction();
    };

    Subject = function Subject() {
        this.isInGroup = make.isInGroup();
        this.isInNetGroup = make.isInNetGroup();
        this.toString = make.describeSubject();
    };

    // Adds an ordinary property to an object.
    var ordinary = create(null);
    ordinary.enumerable = ordinary.configurable = ordinary.writable = true;
    function become(object, name, value) {
        ordinary.value = value;
        define(object, name, ordinary);
        return value;
    }

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
    // Never called: admin rules have no effect without authentication.
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
        var rule = null, whole = plain, rules, i, said;
        try {
            // A rule may replace the list of rules. Reading an element is faster than reading the length, and elements
            // exist only below the length unless arrays inherit elements.
            for (i = 0; (rule = (rules = this._ruleFuncs)[i]) && whole || i < rules.length; i += 1) {
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
        // Records that a rules file may notice how objects are made.
        careful: function () {
            plain = false;
        },
        // Returns the number of the last running rule, or null.
        ran: function () {
            for (var i = 0; current !== null && i < added; i += 1) {
                if (known[i] === current) {
                    return i;
                }
            }
            return null;
        },
        // Returns the line of an error.
        line: function (error) {
            try {
                return apply(lineOf, error, []);
            } catch (other) {
                return null;
            }
        },
        // Makes the getter of a property with an unknown value: it returns a substitute and reports the use.
        concealed: function (name, value) {
            return function () {
                if (!quiet) {
                    host(UNKNOWN, "subject." + name);
                }
                return value;
            };
        },
        // Makes the getter of a method that is created on its first use.
        method: function (name, made) {
            var one = make[made];
            return function () {
                return become(this, name, one());
            };
        },
        // Makes the setter of such properties.
        setter: function (name) {
            return function (value) {
                become(this, name, value);
            };
        }
    };
})
