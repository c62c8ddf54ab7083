//! The process that ends, by its own doing or by a signal.

use std::io::Read;
use std::sync::Barrier;

use super::{END, STATE};
use crate::attribution::tests::*;

/// Not a test: what [`Ended`](super::Ended) runs. Without the variables it does nothing.
#[test]
fn be_a_host() {
    let (Ok(end), Some(state)) = (std::env::var(END), std::env::var_os(STATE)) else {
        return;
    };
    let no_core = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a limit of this process.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &no_core) };
    if end == "dealt with" {
        deal_with_segfaults();
    }
    catch_crashes();
    let (attribution, _) = Attribution::open(Path::new(&state)).unwrap();
    if end == "opening" {
        let tag = attribution.register(about("echo")).unwrap();
        tag.run(Activity::Opening, || std::process::exit(1));
    }
    let (echo, inner) = (tag(&attribution, "echo"), tag(&attribution, "inner"));
    let inside = Barrier::new(2);
    match end.as_str() {
        "host aborts" => {
            echo.run(WILD, || ());
            std::process::abort()
        }
        "host exits" => {
            echo.run(WILD, || ());
            std::process::exit(3)
        }
        "dealt with" => {
            // SAFETY: it is dealt with.
            echo.run(WILD, || unsafe { libc::raise(libc::SIGSEGV) });
            echo.run(WILD, wait)
        }
        "after another host's" => {
            let other = Attribution::in_memory();
            let others = tag(&other, "other");
            echo.run(WILD, || {
                others.run(WILD, || ());
                std::process::abort()
            })
        }
        "overflow elsewhere" => on_foreign_thread(&echo),
        "bystander" => std::thread::scope(|scope| {
            scope.spawn(|| {
                inner.run(CALM, || {
                    inside.wait();
                    std::thread::park();
                });
            });
            inside.wait();
            echo.run(WILD, || std::process::abort())
        }),
        "nested" => echo.run(WILD, || inner.run(WILD, || std::process::abort())),
        "after nested" => echo.run(WILD, || {
            inner.run(WILD, || ());
            std::process::abort()
        }),
        end => echo.run(WILD, || do_wildly(end)),
    }
}

fn do_wildly(end: &str) {
    match end {
        // SAFETY: it is not, and that is the point.
        "segfault" => unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) },
        "abort" => std::process::abort(),
        "overflow" => overflow(1),
        "exit" => std::process::exit(0),
        "fork" => fork_and_crash(),
        "wait" => wait(),
        _ => panic!("there is no such end: {end}"),
    }
}

fn wait() {
    // SAFETY: it has no arguments and no effect.
    let thread = unsafe { libc::gettid() };
    println!("\nready: {thread}");
    // Until the parent ends this process, or is gone.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

#[expect(unconditional_recursion, reason = "that is the point")]
fn overflow(depth: u64) {
    let frame = std::hint::black_box([depth; 64]);
    overflow(depth + 1);
    std::hint::black_box(frame);
}

fn on_foreign_thread(tag: &Tag) {
    extern "C" fn begin(tag: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: the tag below, which is there until this thread has ended.
        let tag = unsafe { &*tag.cast::<Tag>() };
        tag.run(Activity::OwnThread, || overflow(1));
        std::ptr::null_mut()
    }
    let tag = (&raw const *tag).cast_mut().cast();
    // SAFETY: the arguments that these functions ask for; the tag outlives the thread.
    unsafe {
        let mut thread = std::mem::zeroed();
        let started = libc::pthread_create(&mut thread, std::ptr::null(), begin, tag);
        assert_eq!(started, 0);
        libc::pthread_join(thread, std::ptr::null_mut());
    }
}

fn fork_and_crash() {
    // SAFETY: the child does nothing but abort.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::abort();
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        assert!(libc::WIFSIGNALED(status));
    }
    wait();
}

/// As a program does that has another use for them.
fn deal_with_segfaults() {
    extern "C" fn deal(_: libc::c_int) {}
    // SAFETY: a handler that does nothing, and whose signals are raised alone.
    unsafe { libc::signal(libc::SIGSEGV, deal as *const () as libc::sighandler_t) };
}
