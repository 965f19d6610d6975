//! The bindings of Duktape's C interface, with all unsafe code.
//!
//! A Duktape error leaves C frames with longjmp, up to the protected call in which it occurs. Between a protected call and the engine
//! no frame of this program may therefore hold a Rust value with a destructor. [`host()`], the only function that the engine calls,
//! has only numbers and pointers in its frame when it reads arguments and pushes the result. An error outside all protected calls ends
//! the process, as it ends polkitd: see [`fatal`].

#![expect(unsafe_code, reason = "Duktape is a C library; each use says why it is sound")]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr::null_mut;

use crate::host::{self, HostResult};

/// `duk_context`, used only behind a pointer.
#[repr(C)]
struct Context {
    _opaque: [u8; 0],
}

type Function = unsafe extern "C-unwind" fn(*mut Context) -> c_int;
type Fatal = unsafe extern "C" fn(*mut c_void, *const c_char);
type Allocate = unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void;
type Reallocate = unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void, *mut c_void);

// From duktape.h of 2.7. `DUK_TYPE_…` and `DUK_COMPILE_…` do not change within 2.x.
const TYPE_NULL: c_int = 2;
const TYPE_NUMBER: c_int = 4;
const COMPILE_EVAL: c_uint = 1 << 3;
const COMPILE_SAFE: c_uint = 1 << 7;
const COMPILE_NOSOURCE: c_uint = 1 << 9;
const COMPILE_NOFILENAME: c_uint = 1 << 11;
/// `DUK_DEFPROP_…`: a getter and a setter, enumerable and configurable.
const ACCESSORS: c_uint = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8;
/// The same, not enumerable.
const HIDDEN_ACCESSORS: c_uint = ACCESSORS & !(1 << 1);
/// Limit of the frames that are searched for a line.
const FRAMES_MAX: c_int = 40;
/// The line before the first line of rules files, in an engine that explores.
const FIRST_LINE: c_int = polkit_policy_gen::explore::FIRST_LINE.cast_signed();
/// The flags with which polkitd loads a file: `duk_peval_lstring`.
const PEVAL: c_uint = COMPILE_EVAL | COMPILE_SAFE | COMPILE_NOSOURCE | COMPILE_NOFILENAME;

#[link(name = "duktape")]
unsafe extern "C-unwind" {
    fn duk_create_heap(
        allocate: Option<Allocate>,
        reallocate: Option<Reallocate>,
        free: Option<Free>,
        udata: *mut c_void,
        fatal: Option<Fatal>,
    ) -> *mut Context;
    fn duk_eval_raw(context: *mut Context, source: *const c_char, length: usize, flags: c_uint) -> c_int;
    fn duk_pcall(context: *mut Context, arguments: c_int) -> c_int;
    fn duk_pcall_prop(context: *mut Context, object: c_int, arguments: c_int) -> c_int;
    fn duk_pnew(context: *mut Context, arguments: c_int) -> c_int;
    fn duk_set_top(context: *mut Context, index: c_int);
    fn duk_get_type(context: *mut Context, index: c_int) -> c_int;
    fn duk_get_int(context: *mut Context, index: c_int) -> c_int;
    fn duk_get_lstring(context: *mut Context, index: c_int, length: *mut usize) -> *const c_char;
    fn duk_safe_to_lstring(context: *mut Context, index: c_int, length: *mut usize) -> *const c_char;
    fn duk_dup(context: *mut Context, index: c_int);
    fn duk_push_object(context: *mut Context) -> c_int;
    fn duk_set_prototype(context: *mut Context, object: c_int);
    fn duk_push_array(context: *mut Context) -> c_int;
    fn duk_push_heap_stash(context: *mut Context);
    fn duk_push_c_function(context: *mut Context, function: Function, arguments: c_int) -> c_int;
    fn duk_push_lstring(context: *mut Context, text: *const c_char, length: usize) -> *const c_char;
    fn duk_push_boolean(context: *mut Context, value: c_uint);
    fn duk_push_null(context: *mut Context);
    fn duk_push_int(context: *mut Context, value: c_int);
    fn duk_put_prop_lstring(context: *mut Context, object: c_int, key: *const c_char, length: usize) -> c_uint;
    fn duk_put_prop_index(context: *mut Context, object: c_int, index: u32) -> c_uint;
    fn duk_get_prop_lstring(context: *mut Context, object: c_int, key: *const c_char, length: usize) -> c_uint;
    fn duk_get_global_lstring(context: *mut Context, key: *const c_char, length: usize) -> c_uint;
    fn duk_has_prop_lstring(context: *mut Context, object: c_int, key: *const c_char, length: usize) -> c_uint;
    fn duk_def_prop(context: *mut Context, object: c_int, flags: c_uint);
    fn duk_replace(context: *mut Context, index: c_int);
    fn duk_inspect_callstack_entry(context: *mut Context, level: c_int);
}

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn realloc(memory: *mut c_void, size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
}

/// A heap with its value stack. Each process has one heap, which lives as long as the process.
pub struct Heap(*mut Context);

/// A value on the value stack.
pub enum Value {
    /// `null`
    Null,
    /// A string, as bytes.
    Text(Vec<u8>),
    /// Another value.
    Other,
}

impl Heap {
    /// Creates a heap; `None` if there is not enough memory.
    pub fn new() -> Option<Self> {
        // SAFETY: the functions have the required types and live as long as the process.
        let context =
            unsafe { duk_create_heap(Some(allocate), Some(reallocate), Some(release), null_mut(), Some(fatal)) };
        (!context.is_null()).then_some(Self(context))
    }

    /// Runs a script as polkitd does. Leaves its value or its error on top of the stack.
    pub fn evaluate(&mut self, source: &[u8]) -> bool {
        // SAFETY: the source is read during the call only; the call is protected.
        unsafe { duk_eval_raw(self.0, source.as_ptr().cast(), source.len(), PEVAL) == 0 }
    }

    /// Calls the function below the given number of arguments on the stack. Leaves its value or its error.
    pub fn call(&mut self, arguments: i32) -> bool {
        // SAFETY: the callers of this file's user have pushed function and arguments; the call is protected.
        unsafe { duk_pcall(self.0, arguments) == 0 }
    }

    /// Calls a method of the object at `object`. Its name and the arguments are on the stack.
    pub fn call_method(&mut self, object: i32, arguments: i32) -> bool {
        // SAFETY: as for `call`.
        unsafe { duk_pcall_prop(self.0, object, arguments) == 0 }
    }

    /// Calls the function on top of the stack as a constructor.
    pub fn construct(&mut self) -> bool {
        // SAFETY: as for `call`.
        unsafe { duk_pnew(self.0, 0) == 0 }
    }

    /// Cuts the stack to a height.
    pub fn set_top(&mut self, height: i32) {
        // SAFETY: a lower height than the present one is always valid.
        unsafe { duk_set_top(self.0, height) }
    }

    /// Returns the value at an index, counted from the top if negative.
    pub fn get(&mut self, index: i32) -> Value {
        let mut length = 0;
        // SAFETY: neither call throws; the text belongs to a value on the stack, which stays there while it is copied.
        unsafe {
            if duk_get_type(self.0, index) == TYPE_NULL {
                return Value::Null;
            }
            let text = duk_get_lstring(self.0, index, &raw mut length);
            if text.is_null() { Value::Other } else { Value::Text(copy(text, length)) }
        }
    }

    /// Returns the number at an index; `None` if it is not a number.
    pub fn number(&mut self, index: i32) -> Option<i32> {
        // SAFETY: neither call throws.
        unsafe { (duk_get_type(self.0, index) == TYPE_NUMBER).then(|| duk_get_int(self.0, index)) }
    }

    /// Returns the text of the value at an index, for example of an error. The value remains.
    pub fn describe(&mut self, index: i32) -> Vec<u8> {
        let mut length = 0;
        // SAFETY: duk_safe_to_lstring catches exceptions of toString() and always replaces the copy by a text.
        unsafe {
            duk_dup(self.0, index);
            let text = duk_safe_to_lstring(self.0, -1, &raw mut length);
            let text = copy(text, length);
            duk_set_top(self.0, -1);
            text
        }
    }

    /// Pushes a copy of the value at an index.
    pub fn dup(&mut self, index: i32) {
        // SAFETY: the index is one that the caller has pushed.
        unsafe { duk_dup(self.0, index) }
    }

    /// Pops the value on top and stores it at an index.
    pub fn replace(&mut self, index: i32) {
        // SAFETY: the index is one that the caller has pushed.
        unsafe { duk_replace(self.0, index) }
    }

    /// Pushes an array of strings.
    pub fn push_texts(&mut self, texts: &[String]) {
        // SAFETY: each text is copied by the call; the array is at -2 when its element is put.
        unsafe {
            let _ = duk_push_array(self.0);
            for (number, text) in (0..).zip(texts) {
                let _ = duk_push_lstring(self.0, text.as_ptr().cast(), text.len());
                let _ = duk_put_prop_index(self.0, -2, number);
            }
        }
    }

    /// Pushes a new object with the prototype at `prototype`, counted from the bottom.
    pub fn push_object(&mut self, prototype: i32) {
        // SAFETY: takes no pointer; the object is at -2 when its prototype is set.
        unsafe {
            let _ = duk_push_object(self.0);
            duk_dup(self.0, prototype);
            duk_set_prototype(self.0, -2);
        }
    }

    /// Pushes the heap stash, an object that scripts cannot reach.
    pub fn push_stash(&mut self) {
        // SAFETY: takes no pointer.
        unsafe { duk_push_heap_stash(self.0) }
    }

    /// Pushes the function through which scripts call [`host()`].
    pub fn push_host(&mut self) {
        // SAFETY: `host` has the required type and three arguments.
        unsafe {
            let _ = duk_push_c_function(self.0, host, 3);
        }
    }

    /// Pushes a string.
    pub fn push_text(&mut self, text: &str) {
        // SAFETY: the text is copied by the call.
        unsafe {
            let _ = duk_push_lstring(self.0, text.as_ptr().cast(), text.len());
        }
    }

    /// Pushes a boolean.
    pub fn push_bool(&mut self, value: bool) {
        // SAFETY: takes no pointer.
        unsafe { duk_push_boolean(self.0, value.into()) }
    }

    /// Pushes null.
    pub fn push_null(&mut self) {
        // SAFETY: takes no pointer.
        unsafe { duk_push_null(self.0) }
    }

    /// Pushes a number.
    pub fn push_number(&mut self, value: i32) {
        // SAFETY: takes no pointer.
        unsafe { duk_push_int(self.0, value) }
    }

    /// Pops the value on top and makes it a property of the object at `object`. Not protected, as in polkitd.
    pub fn put(&mut self, object: i32, key: &str) {
        // SAFETY: the key is copied by the call.
        unsafe {
            let _ = duk_put_prop_lstring(self.0, object, key.as_ptr().cast(), key.len());
        }
    }

    /// Whether the object at `object` has or inherits a property.
    pub fn has(&mut self, object: i32, key: &str) -> bool {
        // SAFETY: as for `put`.
        unsafe { duk_has_prop_lstring(self.0, object, key.as_ptr().cast(), key.len()) != 0 }
    }

    /// Adds a property to the object at `object`, counted from the top, with the getter at `getter`, counted from the bottom, and the
    /// setter after it. Not protected, as `put`.
    pub fn put_accessors(&mut self, object: i32, key: &str, getter: i32, is_enumerable: bool) {
        // SAFETY: the key is copied by the call; three values are pushed above the object, which the last call takes.
        unsafe {
            let _ = duk_push_lstring(self.0, key.as_ptr().cast(), key.len());
            duk_dup(self.0, getter);
            duk_dup(self.0, getter + 1);
            duk_def_prop(self.0, object - 3, if is_enumerable { ACCESSORS } else { HIDDEN_ACCESSORS });
        }
    }

    /// Pushes a property of the object at `object`.
    pub fn property(&mut self, object: i32, key: &str) {
        // SAFETY: as for `put`.
        unsafe {
            let _ = duk_get_prop_lstring(self.0, object, key.as_ptr().cast(), key.len());
        }
    }

    /// Pushes a property of the global object. Returns false if it does not exist.
    pub fn global(&mut self, key: &str) -> bool {
        // SAFETY: as for `put`.
        unsafe { duk_get_global_lstring(self.0, key.as_ptr().cast(), key.len()) != 0 }
    }
}

/// Copies the bytes of a text.
///
/// # Safety
/// `text` must have this length.
unsafe fn copy(text: *const c_char, length: usize) -> Vec<u8> {
    // SAFETY: guaranteed by the caller.
    unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length).to_vec() }
}

/// The function that scripts call: `host(what, text, number)`.
///
/// # Safety
/// Called only by Duktape, with its own context.
unsafe extern "C-unwind" fn host(context: *mut Context) -> c_int {
    let (mut length, mut line) = (0, 0);
    // SAFETY: the getters do not throw. The text stays on the stack, as an argument, until this function returns. The last push may
    // throw if there is no memory, but then this frame holds no value with a destructor.
    unsafe {
        let what = duk_get_int(context, 0);
        if what == host::ADDED {
            // -1 is this function, -2 is addRule, -3 is the caller of addRule.
            duk_inspect_callstack_entry(context, -3);
            if duk_get_type(context, -1) > TYPE_NULL {
                let _ = duk_get_prop_lstring(context, -1, c"lineNumber".as_ptr(), 10);
                line = duk_get_int(context, -1);
            }
        }
        if host::needs_line(what) {
            line = line_of_rules_file(context);
        }
        let text = duk_get_lstring(context, 1, &raw mut length);
        let bytes = if text.is_null() { &[] } else { std::slice::from_raw_parts(text.cast::<u8>(), length) };
        match host::answer(what, bytes, duk_get_int(context, 2), line) {
            HostResult::Nothing => return 0,
            HostResult::Bool(value) => duk_push_boolean(context, value.into()),
            HostResult::Status(status) => duk_push_int(context, status),
            HostResult::Kept(text, length) => {
                let _ = duk_push_lstring(context, text.cast(), length);
            }
        }
    }
    1
}

/// Returns the line of the innermost call in a rules file; 0 if there is none, as in an engine that does not explore.
///
/// # Safety
/// The context must be that of a running function.
unsafe fn line_of_rules_file(context: *mut Context) -> c_int {
    // -1 is the host function.
    for level in 2..FRAMES_MAX {
        // SAFETY: the caller guarantees the context. The two values that are pushed are popped again.
        unsafe {
            duk_inspect_callstack_entry(context, -level);
            if duk_get_type(context, -1) <= TYPE_NULL {
                duk_set_top(context, -1);
                return 0;
            }
            let _ = duk_get_prop_lstring(context, -1, c"lineNumber".as_ptr(), 10);
            let line = duk_get_int(context, -1);
            duk_set_top(context, -2);
            if line > FIRST_LINE {
                return line;
            }
        }
    }
    0
}

/// Ends the process after an uncaught error, which would end polkitd.
///
/// # Safety
/// Called only by Duktape.
unsafe extern "C" fn fatal(_udata: *mut c_void, message: *const c_char) {
    // SAFETY: Duktape passes a C string or null.
    let message = (!message.is_null()).then(|| unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned());
    host::end(&message.unwrap_or_default())
}

/// # Safety
/// Called only by Duktape, as malloc(3).
unsafe extern "C" fn allocate(_udata: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: malloc accepts every size.
    let memory = unsafe { malloc(size) };
    if memory.is_null() && size > 0 {
        host::out_of_memory();
    }
    memory
}

/// # Safety
/// Called only by Duktape, as realloc(3), with memory from `allocate` or from this function.
unsafe extern "C" fn reallocate(_udata: *mut c_void, memory: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: guaranteed by the caller.
    let grown = unsafe { realloc(memory, size) };
    if grown.is_null() && size > 0 {
        host::out_of_memory();
    }
    grown
}

/// # Safety
/// Called only by Duktape, as free(3).
unsafe extern "C" fn release(_udata: *mut c_void, memory: *mut c_void) {
    // SAFETY: guaranteed by the caller.
    unsafe { free(memory) }
}
