// Actions and subjects whose facts are open, and the functions that rewritten rules files call in the place of operators.
//
// An open text is a text of its own (a substitute) that no policy contains. Each operation that can tell a substitute from another text
// asks `host` a fact, such as "the user is alice", or is reported with its line. `host` answers from the list of known facts; an open
// fact is false, and recorded.

(function (host) {
    var define = Object.defineProperty, create = Object.create, apply = Reflect.apply, construct = Reflect.construct;
    var namesOf = Object.getOwnPropertyNames, parentOf = Object.getPrototypeOf, describe = Object.getOwnPropertyDescriptor;
    var isArray = Array.isArray, text = String, number = Number, boxed = Object;
    var place = String.prototype.indexOf, cut = String.prototype.slice, parts = String.prototype.split;
    // The operations of `host`.
    var UNKNOWN = 3, FACT = 4, TEXT = 5, NOTE = 6, GROUPS = 7, LISTS_GROUPS = 8, CHANGES = 9, CALLS = 10;
    var BEGIN = "zqx-other-", END = "-xqz";
    // The substitute for an open uid.
    var UID = 1999999973;
    // Limit of the names of an object that is read by an open text.
    var NAMES_MAX = 500;
    var runs = false, action = null, subject = null, groups = null;
    // Whether isInGroup() reads the groups, in which case their order does not matter.
    var searches = false;
    var OwnAction = Action, OwnSubject = Subject, ownRun = polkit._runRules;
    var RESULTS = ["yes", "no", "auth_self", "auth_self_keep", "auth_admin", "auth_admin_keep"];

    function find(value, part, from) {
        return apply(place, value, [part, from]);
    }

    function isOpen(value) {
        return typeof value == "string" ? find(value, BEGIN, 0) >= 0 : value === UID;
    }

    function substitute(kind) {
        return BEGIN + kind + END;
    }

    // Returns the fact of an open value, and the texts before and after the substitute; null if there are several.
    function origin(value) {
        var begin, end;
        if (value === UID) {
            return {kind: "uid", before: "", after: ""};
        }
        begin = find(value, BEGIN, 0);
        end = find(value, END, begin);
        if (end < 0 || find(value, BEGIN, begin + 1) >= 0) {
            return null;
        }
        return {
            kind: apply(cut, value, [begin + BEGIN.length, end]),
            before: apply(cut, value, [0, begin]),
            after: apply(cut, value, [end + END.length])
        };
    }

    function fact(kind, value) {
        return value === undefined ? host(FACT, kind + "\u0000", 0) : host(FACT, kind + "\u0000" + value, 1);
    }

    // Reports an operation on an open value.
    function note(value, what) {
        var from = isOpen(value) ? origin(value) : null;
        host(NOTE, (from && from.kind ? from.kind : "") + "\u0000" + what, 0);
    }

    function known(kind) {
        var value = host(TEXT, kind, 0);
        return typeof value == "string" ? value : substitute(kind);
    }

    // Asks the facts on which it depends whether two values are equal.
    function same(one, other, loose) {
        var isOne = isOpen(one), isOther = isOpen(other), open, value, from;
        if (!runs || (!isOne && !isOther)) {
            return;
        }
        if (isOne && isOther) {
            if (one !== other) {
                note(one, "compares two open texts");
            }
            return;
        }
        open = isOne ? one : other;
        value = isOne ? other : one;
        if (open === UID) {
            if (loose && (typeof value == "string" || typeof value == "boolean")) {
                value = number(value);
            }
            if (typeof value == "number") {
                value = value < 0 ? value + 4294967296 : value;
                if (value >= 0 && value < 4294967296 && value % 1 === 0) {
                    fact("uid", text(value));
                }
                return;
            }
        } else if (typeof value == "string") {
            from = origin(open);
            if (!from || !from.kind) {
                note(open, "compares a text that is made of open texts");
            } else if (value.length >= from.before.length + from.after.length &&
                       apply(cut, value, [0, from.before.length]) === from.before &&
                       apply(cut, value, [value.length - from.after.length]) === from.after) {
                fact(from.kind, apply(cut, value, [from.before.length, value.length - from.after.length]));
            }
            return;
        }
        if (loose && value !== null && value !== undefined) {
            note(open, "compares with a value that is no text");
        }
    }

    // Asks whether a key is one of the properties of an object.
    function key(open, object) {
        var found = 0, names, i;
        if (object === null || object === undefined) {
            return;
        }
        for (object = boxed(object); object !== null; object = parentOf(object)) {
            names = namesOf(object);
            found += names.length;
            if (found > NAMES_MAX) {
                note(open, "reads a table of more than " + NAMES_MAX + " names");
                return;
            }
            for (i = 0; i < names.length; i += 1) {
                same(open, open === UID ? number(names[i]) : names[i], false);
            }
        }
    }

    function isDetail(object, name) {
        return object !== null && object === action && typeof name == "string" && find(name, "_detail_", 0) === 0;
    }

    function at(object, name) {
        if (!runs) {
            return;
        }
        if (isOpen(name)) {
            key(name, object);
        } else if (typeof object == "string" && isOpen(object)) {
            note(object, "reads a character or the length");
        } else if (isDetail(object, name)) {
            note("", "reads details without action.lookup()");
        } else if (object !== null && object === subject && name === "no_new_privileges") {
            fact("system_unit");
        }
    }

    function arithmetic(value) {
        if (runs && isOpen(value)) {
            note(value, "computes with the value");
        }
        return value;
    }

    function order(one, other) {
        if (runs && (isOpen(one) || isOpen(other))) {
            note(isOpen(one) ? one : other, "compares the order");
        }
    }

    function both(one, other) {
        arithmetic(one);
        arithmetic(other);
    }

    var operators = {
        eq: function (how, one, other) {
            same(one, other, how < 2);
            return how === 0 ? one == other : how === 1 ? one != other : how === 2 ? one === other : one !== other;
        },
        "in": function (name, object) {
            at(object, name);
            return name in object;
        },
        get: function (object, name) {
            at(object, name);
            return object[name];
        },
        key: function (name) {
            if (runs && isOpen(name)) {
                note(name, "uses the value as the name of a property");
            }
            return name;
        },
        length: function (object) {
            if (typeof object == "string") {
                at(object, 0);
            }
            return object.length;
        },
        count: function (object) {
            if (runs && object !== null && object === groups) {
                note("", "reads the number of groups");
            }
            return operators.length(object);
        },
        each: function (object) {
            if (runs && object !== null && object === action) {
                note("", "lists the properties of the action");
            } else if (runs && object !== null && object === subject) {
                note("", "lists the properties of the subject");
            } else if (runs && typeof object == "string" && isOpen(object)) {
                note(object, "lists the characters");
            }
            return object;
        },
        outer: function (value) {
            if (runs) {
                note("", "changes a variable that outlives the request");
            }
            return value;
        },
        set: function (value) {
            if (runs) {
                host(CHANGES, "", 0);
            }
            return value;
        },
        r: function (value) {
            return value;
        },
        number: arithmetic,
        assigned: function (value) {
            arithmetic(value);
            return operators.set(value);
        },
        plus: function (one, other) {
            if (one === UID || other === UID) {
                both(one, other);
            }
            return one + other;
        },
        lt: function (one, other) { order(one, other); return one < other; },
        gt: function (one, other) { order(one, other); return one > other; },
        le: function (one, other) { order(one, other); return one <= other; },
        ge: function (one, other) { order(one, other); return one >= other; },
        minus: function (one, other) { both(one, other); return one - other; },
        times: function (one, other) { both(one, other); return one * other; },
        over: function (one, other) { both(one, other); return one / other; },
        rest: function (one, other) { both(one, other); return one % other; },
        power: function (one, other) { both(one, other); return Math.pow(one, other); },
        left: function (one, other) { both(one, other); return one << other; },
        right: function (one, other) { both(one, other); return one >> other; },
        shift: function (one, other) { both(one, other); return one >>> other; },
        or: function (one, other) { both(one, other); return one | other; },
        xor: function (one, other) { both(one, other); return one ^ other; },
        and: function (one, other) { both(one, other); return one & other; }
    };
    // The values of `switch`, by the number of the statement.
    var switched = create(null);
    operators["switch"] = function (id, value) {
        switched[id] = value;
        return value;
    };
    operators["case"] = function (id, value) {
        same(switched[id], value, false);
        return value;
    };
    for (var name in operators) {
        define(this, "$pg_" + name, {value: operators[name]});
    }

    var OwnRegExp = RegExp;

    // The functions of the engine: those that tell texts apart report it.
    function checked(name, method) {
        return function () {
            "use strict";
            var i;
            if (runs) {
                if (name === "assign" || (this instanceof OwnRegExp && this.global)) {
                    host(CHANGES, "", 0);
                }
                for (i = -1; i < arguments.length; i += 1) {
                    look(name, i < 0 ? this : arguments[i]);
                }
            }
            return apply(method, this, arguments);
        };
    }

    function look(name, value) {
        var i;
        if (isOpen(value)) {
            note(value, "applies " + name + "()");
        } else if (value !== null && value !== undefined && (value === action || value === subject)) {
            note("", "applies " + name + "() to the " + (value === action ? "action" : "subject"));
        } else if (isArray(value)) {
            for (i = 0; i < value.length; i += 1) {
                if (isOpen(value[i])) {
                    note(value[i], "applies " + name + "()");
                }
            }
        }
    }

    function wrap(object, except) {
        var names = namesOf(object), i, own;
        for (i = 0; i < names.length; i += 1) {
            own = describe(object, names[i]);
            if (typeof own.value == "function" && names[i] !== "constructor" && except.indexOf(names[i]) < 0) {
                define(object, names[i], {value: checked(names[i], own.value)});
            }
        }
    }

    function search(method) {
        return function (wanted) {
            "use strict";
            var i;
            if (runs && this !== null && this !== undefined) {
                for (i = 0; i < this.length; i += 1) {
                    same(this[i], wanted, false);
                }
            }
            return apply(method, this, arguments);
        };
    }

    function own(method) {
        return function (name) {
            "use strict";
            if (runs && isOpen(name)) {
                key(name, this);
            } else if (runs) {
                at(this, name);
            }
            return apply(method, this, arguments);
        };
    }

    // A function that changes the object that it is called for.
    function changing(method) {
        return function () {
            "use strict";
            if (runs) {
                host(CHANGES, "", 0);
            }
            return apply(method, this, arguments);
        };
    }

    var arrays = Array.prototype, objects = Object.prototype;
    var indexOf = arrays.indexOf, lastIndexOf = arrays.lastIndexOf, hasOwn = objects.hasOwnProperty;
    var isEnumerable = objects.propertyIsEnumerable;
    wrap(arrays, ["push", "pop", "shift", "unshift", "slice", "splice", "concat", "reverse", "forEach", "map", "filter", "some",
                  "every", "reduce", "reduceRight", "join", "toString", "indexOf", "lastIndexOf"]);
    wrap(Number.prototype, []);
    wrap(RegExp.prototype, ["toString"]);
    wrap(Object, ["create", "freeze", "seal", "preventExtensions", "isFrozen", "isSealed", "isExtensible", "getPrototypeOf"]);
    wrap(Number, []);
    wrap(Math, ["random"]);
    wrap(JSON, []);
    wrap(String, []);
    var changes = ["push", "pop", "shift", "unshift", "splice", "reverse", "sort"];
    for (var c = 0; c < changes.length; c += 1) {
        define(arrays, changes[c], {value: changing(arrays[changes[c]])});
    }
    define(arrays, "indexOf", {value: search(indexOf)});
    define(arrays, "lastIndexOf", {value: search(lastIndexOf)});
    define(objects, "hasOwnProperty", {value: own(hasOwn)});
    define(objects, "propertyIsEnumerable", {value: own(isEnumerable)});

    // The constructors that convert a text, and the functions that convert one.
    var converts = ["Number", "RegExp", "Object", "parseInt", "parseFloat", "isNaN", "isFinite", "encodeURI", "encodeURIComponent",
                    "decodeURI", "decodeURIComponent", "escape", "unescape"];

    function replace(name, before) {
        var made = this[name];
        if (typeof made != "function") {
            return;
        }
        var other = function () {
            "use strict";
            before(arguments);
            return new.target ? construct(made, arguments) : apply(made, this, arguments);
        };
        namesOf(made).forEach(function (name) {
            var was = describe(made, name), is = describe(other, name);
            if (!is || is.configurable || is.writable) {
                try {
                    define(other, name, is && !is.configurable ? {value: made[name]} : was);
                } catch (error) {
                    // The property of a function that is fixed.
                }
            }
        });
        if (made.prototype && made.prototype.constructor === made) {
            define(made.prototype, "constructor", {value: other});
        }
        define(this, name, {value: other});
    }

    for (var i = 0; i < converts.length; i += 1) {
        (function (name) {
            replace(name, function (values) {
                for (var i = 0; runs && i < values.length; i += 1) {
                    look(name, values[i]);
                }
            });
        }(converts[i]));
    }
    replace("String", function (values) {
        if (runs && values[0] === UID) {
            note(UID, "applies String()");
        }
    });
    function time() {
        if (runs) {
            note("", "reads the time");
        } else {
            host(UNKNOWN, "the time");
        }
    }
    replace("Date", time);
    ["now", "UTC", "parse"].forEach(function (name) {
        var method = Date[name];
        define(Date, name, {value: function () { time(); return apply(method, this, arguments); }});
    });
    if (typeof performance == "object") {
        var now = performance.now;
        performance.now = function () { time(); return apply(now, this, arguments); };
    }
    wrap(String.prototype, ["toString", "valueOf", "concat"]);

    function become(object, name, value) {
        define(object, name, {value: value, enumerable: true, configurable: true, writable: true});
        return value;
    }

    function opened(object, name, get, isHidden) {
        define(object, name, {
            get: get, set: function (value) { operators.set(become(this, name, value)); }, enumerable: !isHidden, configurable: true
        });
    }

    function describeOpen() {
        return BEGIN + END;
    }

    function lookup(key) {
        var name, kind;
        if (isOpen(key)) {
            note(key, "uses the value as the key of a detail");
            return undefined;
        }
        name = "_detail_" + key;
        if (name in this) {
            return this[name];
        }
        kind = "detail:" + key;
        if (!fact(kind)) {
            return undefined;
        }
        name = host(TEXT, kind, 0);
        if (typeof name == "string") {
            return name;
        }
        return fact(kind, "") ? "" : substitute(kind);
    }

    function isInGroup(group) {
        var i, one, list, before = searches;
        searches = true;
        list = this.groups;
        searches = before;
        for (i = 0; i < list.length; i += 1) {
            one = list[i];
            same(one, group, true);
            if (one == group) {
                return true;
            }
        }
        return false;
    }

    function textOf(kind) {
        return function () {
            return fact(kind) ? known(kind) : null;
        };
    }

    // Makes the action and the subject of a request.
    function make(id, hasUid, hasUnit) {
        runs = false;
        groups = null;
        action = new Action();
        subject = new Subject();
        if (Action !== OwnAction || Subject !== OwnSubject) {
            note("", "replaces the constructor of actions or subjects");
        } else {
            action.lookup = function (key) { return apply(lookup, this, [key]); };
            action.toString = function () { return describeOpen(); };
            subject.isInGroup = function (group) { return apply(isInGroup, this, [group]); };
            subject.toString = function () { return describeOpen(); };
        }
        become(action, "id", id);
        if (hasUid) {
            opened(subject, "uid", function () {
                var value = host(TEXT, "uid", 0);
                if (typeof value == "string") {
                    return number(value) | 0;
                }
                return fact("uid", "0") ? 0 : UID;
            });
        }
        opened(subject, "pid", function () {
            note("", "reads subject.pid");
            return 2;
        });
        opened(subject, "user", function () { return known("user"); });
        opened(subject, "groups", function () {
            if (groups === null) {
                groups = apply(parts, host(GROUPS, "", 0), ["\u0000"]);
                groups.length -= 1;
            }
            if (!searches) {
                host(LISTS_GROUPS, "", 0);
            }
            return groups;
        });
        opened(subject, "seat", textOf("seat"));
        opened(subject, "session", textOf("session"));
        if (hasUnit) {
            opened(subject, "system_unit", textOf("system_unit"));
            opened(subject, "no_new_privileges", function () {
                return fact("system_unit") ? fact("no_new_privileges") : undefined;
            }, true);
        }
        opened(subject, "local", function () { return fact("local"); });
        opened(subject, "active", function () { return fact("active"); });
        runs = true;
    }

    // Runs the rules with these numbers, as polkit._runRules does with all.
    function some(numbers) {
        var i, said;
        for (i = 0; i < numbers.length; i += 1) {
            said = polkit._ruleFuncs[number(numbers[i])](action, subject);
            if (said) {
                return said;
            }
        }
        return null;
    }

    // Returns the numbers of the rules that ask for a fact, change something or decide, if each runs alone and open facts are false.
    function sift(id, hasUid, hasUnit) {
        var rules = polkit._ruleFuncs, found = [], i, before, said;
        if (polkit._runRules !== ownRun || !isArray(rules)) {
            return null;
        }
        for (i = 0; i < rules.length; i += 1) {
            make(id, hasUid, hasUnit);
            before = host(CALLS, "", 0);
            try {
                said = rules[i](action, subject);
            } catch (error) {
                said = true;
            }
            runs = false;
            if (said || host(CALLS, "", 0) !== before) {
                found[found.length] = i;
            }
        }
        return found.join(",");
    }

    return {
        // Runs the rules for an action: all, those of a list of numbers, or each alone if `which` is true.
        run: function (id, hasUid, hasUnit, which) {
            var made;
            try {
                if (which === true) {
                    return sift(id, hasUid, hasUnit);
                }
                make(id, hasUid, hasUnit);
                if (which === null) {
                    made = polkit._runRules(action, subject);
                } else {
                    made = some(which === "" ? [] : apply(parts, which, [","]));
                }
                if (isOpen(made)) {
                    // polkitd compares the text with its results.
                    for (var result = 0; result < RESULTS.length; result += 1) {
                        same(made, RESULTS[result], false);
                    }
                }
                return made;
            } finally {
                runs = false;
                action = subject = groups = null;
            }
        }
    };
})
