//! Duktape's C interface, and all that is unsafe.
//!
//! A Duktape error leaves C frames by longjmp, up to the protected call that it happens in. So between a protected call and
//! the engine no Rust value with a destructor may live in a frame of ours: [`host()`], the one function that the engine calls,
//! reads its arguments and pushes its answer with nothing on its own frame but numbers and pointers. An error outside of
//! every protected call ends the process, as it ends polkitd: see [`fatal`].

#![expect(unsafe_code, reason = "Duktape is a C library; each use says why it is sound")]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr::null_mut;

use crate::host::{self, Answer};

/// `duk_context`: only ever behind a pointer.
#[repr(C)]
struct Context {
    _opaque: [u8; 0],
}

type Function = unsafe extern "C-unwind" fn(*mut Context) -> c_int;
type Fatal = unsafe extern "C" fn(*mut c_void, *const c_char);
type Allocate = unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void;
type Reallocate = unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void, *mut c_void);

// duktape.h of 2.7. `DUK_TYPE_…` and `DUK_COMPILE_…` are part of the interface that does not change within 2.x.
const TYPE_NULL: c_int = 2;
const TYPE_NUMBER: c_int = 4;
const COMPILE_EVAL: c_uint = 1 << 3;
const COMPILE_SAFE: c_uint = 1 << 7;
const COMPILE_NOSOURCE: c_uint = 1 << 9;
const COMPILE_NOFILENAME: c_uint = 1 << 11;
/// `DUK_DEFPROP_…`: a getter and a setter, enumerable and configurable.
const ACCESSORS: c_uint = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8;
/// What polkitd loads a file with: `duk_peval_lstring`.
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

/// A heap, which is one shared global object, with its value stack. There is one for each process, and it lives as long.
pub struct Heap(*mut Context);

/// What is at a place of the value stack.
pub enum Value {
    /// `null`
    Null,
    /// A string, as bytes.
    Text(Vec<u8>),
    /// Anything else.
    Other,
}

impl Heap {
    /// A new heap; none if there is not enough memory for it.
    pub fn new() -> Option<Self> {
        // SAFETY: the functions are what duk_create_heap asks for, and live for ever.
        let context =
            unsafe { duk_create_heap(Some(allocate), Some(reallocate), Some(release), null_mut(), Some(fatal)) };
        (!context.is_null()).then_some(Self(context))
    }

    /// Runs a script as polkitd does. Its value, or its error, is then on top of the stack.
    pub fn evaluate(&mut self, source: &[u8]) -> bool {
        // SAFETY: the source is read during the call only; the call is protected.
        unsafe { duk_eval_raw(self.0, source.as_ptr().cast(), source.len(), PEVAL) == 0 }
    }

    /// Calls the function below so many arguments on the stack, and leaves its value or error.
    pub fn call(&mut self, arguments: i32) -> bool {
        // SAFETY: the callers of this file's user have pushed function and arguments; the call is protected.
        unsafe { duk_pcall(self.0, arguments) == 0 }
    }

    /// Calls a method of the object at `object`; its name and the arguments are on the stack.
    pub fn call_method(&mut self, object: i32, arguments: i32) -> bool {
        // SAFETY: as for `call`.
        unsafe { duk_pcall_prop(self.0, object, arguments) == 0 }
    }

    /// Constructs with the function on top of the stack.
    pub fn construct(&mut self) -> bool {
        // SAFETY: as for `call`.
        unsafe { duk_pnew(self.0, 0) == 0 }
    }

    /// Cuts the stack to this height.
    pub fn set_top(&mut self, height: i32) {
        // SAFETY: a lower height than the present one is always valid.
        unsafe { duk_set_top(self.0, height) }
    }

    /// What is at that place, counted from the top if negative.
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

    /// The number at that place; 0 if there is none.
    pub fn number(&mut self, index: i32) -> Option<i32> {
        // SAFETY: neither call throws.
        unsafe { (duk_get_type(self.0, index) == TYPE_NUMBER).then(|| duk_get_int(self.0, index)) }
    }

    /// The text of whatever is at that place, such as an error, which stays there.
    pub fn describe(&mut self, index: i32) -> Vec<u8> {
        let mut length = 0;
        // SAFETY: duk_safe_to_lstring catches what a toString() throws, and always gives a text, in place of the copy.
        unsafe {
            duk_dup(self.0, index);
            let text = duk_safe_to_lstring(self.0, -1, &raw mut length);
            let text = copy(text, length);
            duk_set_top(self.0, -1);
            text
        }
    }

    /// Pushes a copy of what is at that place.
    pub fn dup(&mut self, index: i32) {
        // SAFETY: the index is one that the caller has pushed.
        unsafe { duk_dup(self.0, index) }
    }

    /// Takes the value on top, and puts it in the place of another.
    pub fn replace(&mut self, index: i32) {
        // SAFETY: the index is one that the caller has pushed.
        unsafe { duk_replace(self.0, index) }
    }

    /// Pushes an array of texts.
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

    /// Pushes a new object that inherits from the one at `prototype`, from the bottom.
    pub fn push_object(&mut self, prototype: i32) {
        // SAFETY: takes no pointer; the object is at -2 when its prototype is set.
        unsafe {
            let _ = duk_push_object(self.0);
            duk_dup(self.0, prototype);
            duk_set_prototype(self.0, -2);
        }
    }

    /// Pushes the object of the heap that no script can reach.
    pub fn push_stash(&mut self) {
        // SAFETY: takes no pointer.
        unsafe { duk_push_heap_stash(self.0) }
    }

    /// Pushes the function by which a script reaches [`host()`].
    pub fn push_host(&mut self) {
        // SAFETY: `host` is what the type asks for, with three arguments.
        unsafe {
            let _ = duk_push_c_function(self.0, host, 3);
        }
    }

    /// Pushes a text.
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

    /// Takes the value on top and makes it a property of the object at `object`. As in polkitd this is not protected.
    pub fn put(&mut self, object: i32, key: &str) {
        // SAFETY: the key is copied by the call.
        unsafe {
            let _ = duk_put_prop_lstring(self.0, object, key.as_ptr().cast(), key.len());
        }
    }

    /// Whether the object at `object` has a property of that name, or inherits one.
    pub fn has(&mut self, object: i32, key: &str) -> bool {
        // SAFETY: as for `put`.
        unsafe { duk_has_prop_lstring(self.0, object, key.as_ptr().cast(), key.len()) != 0 }
    }

    /// Gives the object at `object`, from the top, a property with the getter at that place from the bottom, and the setter
    /// after it. Not protected, as `put`.
    pub fn put_accessors(&mut self, object: i32, key: &str, getter: i32) {
        // SAFETY: the key is copied by the call; three values are pushed above the object, which the last call takes.
        unsafe {
            let _ = duk_push_lstring(self.0, key.as_ptr().cast(), key.len());
            duk_dup(self.0, getter);
            duk_dup(self.0, getter + 1);
            duk_def_prop(self.0, object - 3, ACCESSORS);
        }
    }

    /// Pushes a property of the object at `object`.
    pub fn property(&mut self, object: i32, key: &str) {
        // SAFETY: as for `put`.
        unsafe {
            let _ = duk_get_prop_lstring(self.0, object, key.as_ptr().cast(), key.len());
        }
    }

    /// Pushes a property of the global object; false if there is none.
    pub fn global(&mut self, key: &str) -> bool {
        // SAFETY: as for `put`.
        unsafe { duk_get_global_lstring(self.0, key.as_ptr().cast(), key.len()) != 0 }
    }
}

/// The bytes of a text.
///
/// # Safety
/// `text` must be of that length.
unsafe fn copy(text: *const c_char, length: usize) -> Vec<u8> {
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length).to_vec() }
}

/// What a script calls: `host(what, text, number)`.
///
/// # Safety
/// Called by Duktape alone, with its own context.
unsafe extern "C-unwind" fn host(context: *mut Context) -> c_int {
    let (mut length, mut line) = (0, 0);
    // SAFETY: the getters do not throw; the text stays on the stack, as an argument, until this function returns. What is
    // pushed last may throw, for want of memory: nothing that has a destructor lives in this frame then.
    unsafe {
        let what = duk_get_int(context, 0);
        if what == host::ADDED {
            // -1 is this function, -2 is addRule, -3 the one that called it.
            duk_inspect_callstack_entry(context, -3);
            if duk_get_type(context, -1) > TYPE_NULL {
                let _ = duk_get_prop_lstring(context, -1, c"lineNumber".as_ptr(), 10);
                line = duk_get_int(context, -1);
            }
        }
        let text = duk_get_lstring(context, 1, &raw mut length);
        let bytes = if text.is_null() { &[] } else { std::slice::from_raw_parts(text.cast::<u8>(), length) };
        match host::answer(what, bytes, duk_get_int(context, 2), line) {
            Answer::Nothing => return 0,
            Answer::Bool(value) => duk_push_boolean(context, value.into()),
            Answer::Status(status) => duk_push_int(context, status),
            Answer::Kept(text, length) => {
                let _ = duk_push_lstring(context, text.cast(), length);
            }
        }
    }
    1
}

/// An error that nothing catches ends polkitd, and ends this process.
///
/// # Safety
/// Called by Duktape alone.
unsafe extern "C" fn fatal(_udata: *mut c_void, message: *const c_char) {
    // SAFETY: Duktape gives a C string or null.
    let message = (!message.is_null()).then(|| unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned());
    host::end(&message.unwrap_or_default())
}

/// # Safety
/// Called by Duktape alone, as malloc(3).
unsafe extern "C" fn allocate(_udata: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: malloc takes every size.
    let memory = unsafe { malloc(size) };
    if memory.is_null() && size > 0 {
        host::out_of_memory();
    }
    memory
}

/// # Safety
/// Called by Duktape alone, as realloc(3), with what `allocate` or this gave.
unsafe extern "C" fn reallocate(_udata: *mut c_void, memory: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller says so.
    let grown = unsafe { realloc(memory, size) };
    if grown.is_null() && size > 0 {
        host::out_of_memory();
    }
    grown
}

/// # Safety
/// Called by Duktape alone, as free(3).
unsafe extern "C" fn release(_udata: *mut c_void, memory: *mut c_void) {
    // SAFETY: the caller says so.
    unsafe { free(memory) }
}
