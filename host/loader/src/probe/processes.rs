//! What a probe asks of the system about processes: to end with its host, to leave no core dump, and who was started.

use rustix::process::{Pid, Resource, Rlimit, WaitOptions, getppid, getrlimit, setrlimit, wait};

/// Makes this process one that does not outlive its host, and that dumps no core. False if the host is gone, or never was
/// this process's parent: then it was started by what a plugin started, with the probe's environment.
pub(super) fn settle(host: u32) -> bool {
    #[cfg(target_os = "linux")]
    // The kernel does not refuse it.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    // Not 0, which the kernel overlooks where cores are piped to a program; 1 byte means none in either case.
    let limit = Rlimit {
        current: Some(1),
        ..getrlimit(Resource::Core)
    };
    // Fails where the most is 0, and then this is 0 already.
    let _ = setrlimit(Resource::Core, limit);
    getppid() == Pid::from_raw(host.cast_signed())
}

/// Whether this process ever had a child: one that lives, one that ended, or one that was waited for.
pub(super) fn started_processes() -> bool {
    !matches!(wait(WaitOptions::NOHANG), Err(rustix::io::Errno::CHILD)) || waited_for_some()
}

fn waited_for_some() -> bool {
    // SAFETY: all zeros are a `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is one, and lives.
    let asked = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    // The memory of the largest one, and none is so small.
    asked == 0 && usage.ru_maxrss > 0
}

/// Ends this process at once: no destructor and no exit handler runs, of the plugin's neither.
pub(super) fn leave(code: i32) -> ! {
    // SAFETY: it does not return, and touches nothing of this process.
    unsafe { libc::_exit(code) }
}

/// A signal's name, as `SIGSEGV`.
pub(super) fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGALRM => "SIGALRM",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGHUP => "SIGHUP",
        libc::SIGILL => "SIGILL",
        libc::SIGINT => "SIGINT",
        libc::SIGKILL => "SIGKILL",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGSYS => "SIGSYS",
        libc::SIGTERM => "SIGTERM",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}
