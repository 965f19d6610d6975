//! `libvirt-probe [--leave] SOCKET`: connects to libvirtd, says `connected`, waits for a line on standard input, then asks
//! libvirtd to authenticate it by polkit, and says `authorized` or `refused: TEXT`.
//!
//! `libvirt-probe --often NUMBER SOCKET` does so as often in one process, without waiting, and says how often it was authorized
//! and how often refused: `AUTHORIZED REFUSED`.
//!
//! With `--leave` the process that connected ends once it has said so, and a child of it goes on with the same socket.
//! libvirtd has the pid of the one that connected, and that pid is free to be taken by another process.
//!
//! It speaks as much of libvirt's protocol (src/rpc/virnetprotocol.x, src/remote/remote_protocol.x) as that takes: each
//! message is its length, program, version, procedure, type, serial and status as 32-bit big-endian words, and a body.
//!
//! Only the standard library is used: `build.rs` also makes a static program of this file, which starts in every bed.

use std::io::{self, BufRead, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};

const PROGRAM: u32 = 0x2000_8086;
const VERSION: u32 = 1;
const AUTH_LIST: u32 = 66;
const AUTH_POLKIT: u32 = 70;
const CALL: u32 = 0;
const STATUS_OK: u32 = 0;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--stay"] => stay(),
        ["--often", number, socket] => often(number, socket),
        ["--leave", socket] => leave(socket),
        [socket] => connect(socket).and_then(authenticate),
        _ => {
            eprintln!("usage: libvirt-probe [--leave | --often NUMBER] SOCKET");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn connect(socket: &str) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(socket)?;
    println!("connected");
    Ok(stream)
}

fn often(number: &str, socket: &str) -> io::Result<()> {
    let number: u32 = number.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut seen = [0; 2];
    for _ in 0..number {
        let answer = ask(&mut UnixStream::connect(socket)?)?;
        seen[usize::from(answer.is_err())] += 1;
    }
    println!("{} {}", seen[0], seen[1]);
    Ok(())
}

/// Hands the socket to a child as its standard error, and ends.
fn leave(socket: &str) -> io::Result<()> {
    let stream = UnixStream::connect(socket)?;
    Command::new(std::env::current_exe()?).arg("--stay").stderr(Stdio::from(OwnedFd::from(stream))).spawn()?;
    println!("connected");
    Ok(())
}

fn stay() -> io::Result<()> {
    authenticate(UnixStream::from(io::stderr().as_fd().try_clone_to_owned()?))
}

fn authenticate(mut stream: UnixStream) -> io::Result<()> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    match ask(&mut stream)? {
        Ok(()) => println!("authorized"),
        Err(text) => println!("refused: {text}"),
    }
    Ok(())
}

/// Asks to be authenticated. The inner error is the text of libvirtd's refusal.
fn ask(stream: &mut UnixStream) -> io::Result<Result<(), String>> {
    let mut says = Ok(());
    for (serial, procedure) in [AUTH_LIST, AUTH_POLKIT].into_iter().enumerate() {
        says = call(stream, procedure, serial as u32)?;
    }
    Ok(says)
}

/// Calls a procedure that takes nothing. The inner error is the text of libvirtd's refusal.
fn call(stream: &mut UnixStream, procedure: u32, serial: u32) -> io::Result<Result<(), String>> {
    let words = [28, PROGRAM, VERSION, procedure, CALL, serial, STATUS_OK];
    stream.write_all(&words.map(u32::to_be_bytes).concat())?;
    let length = word(stream)?;
    let mut rest = vec![0; (length as usize).saturating_sub(4)];
    stream.read_exact(&mut rest)?;
    let mut body = &rest[..];
    let mut next = || word(&mut body);
    let [_program, _version, _procedure, _kind, _serial, status] =
        [next()?, next()?, next()?, next()?, next()?, next()?];
    if status == STATUS_OK {
        return Ok(Ok(()));
    }
    // remote_error: code, domain, and the message as an optional string.
    let (_code, _domain, present) = (next()?, next()?, next()?);
    let length = if present == 0 { 0 } else { next()? as usize };
    let text = body.get(..length).unwrap_or(body);
    Ok(Err(String::from_utf8_lossy(text).into_owned()))
}

fn word(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}
