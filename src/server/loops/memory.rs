//! Returns unused memory to the system after large answers. By itself, glibc returns only what is free at the end of
//! its heaps.

use std::time::Duration;

/// How often to measure the memory.
const PAUSE: Duration = Duration::from_secs(5);

/// By how many bytes unused memory must grow before it is returned.
const WORTH: u64 = 8 << 20;

/// Measurements of the memory since it was last given back.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The least unused memory, in bytes.
    unused: u64,
    /// The most allocated memory, in bytes.
    allocated: u64,
}

/// Returns unused memory to the system, for ever. Does nothing with allocators that do this by themselves.
pub async fn run() {
    let mut seen = Seen {
        unused: u64::MAX,
        allocated: 0,
    };
    loop {
        // Walking through the heaps can take a few milliseconds.
        let looked = tokio::task::spawn_blocking(move || look(seen)).await;
        seen = looked.unwrap_or(seen);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Returns memory to the system if the unused memory has grown by [`WORTH`], or if the allocated memory has shrunk by
/// it. Returns the measurements since then.
fn look(seen: Seen) -> Seen {
    let now = Seen::now();
    let has_grown = now.unused > seen.unused.saturating_add(WORTH);
    let was_freed = now.allocated.saturating_add(WORTH) < seen.allocated;
    if !has_grown && !was_freed {
        return Seen {
            unused: seen.unused.min(now.unused),
            allocated: seen.allocated.max(now.allocated),
        };
    }
    let given = give_back();
    let after = Seen::now();
    tracing::debug!(
        before = now.unused,
        after = after.unused,
        given,
        "gave memory back"
    );
    after
}

impl Seen {
    /// Measures the memory now. Code and stacks of the process count as unused too.
    fn now() -> Seen {
        let allocated = taken();
        Seen {
            unused: resident().saturating_sub(allocated),
            allocated,
        }
    }
}

/// Returns the resident memory of the process in bytes, or 0 if the system does not report it.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1_024
}

/// Returns how many bytes are allocated. The counters wrap at 4 GiB.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "mallinfo has no safe form")]
fn taken() -> u64 {
    // SAFETY: `mallinfo` takes no pointer, and any thread may call it at any time (mallinfo(3)). `mallinfo2`, whose
    // counters do not wrap, is not available everywhere.
    let info = unsafe { libc::mallinfo() };
    u64::from(info.uordblks.cast_unsigned()) + u64::from(info.hblkhd.cast_unsigned())
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn taken() -> u64 {
    0
}

/// Gives unused memory back to the system. Returns whether there was any.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "malloc_trim has no safe form")]
fn give_back() -> bool {
    // SAFETY: `malloc_trim` takes no pointer, and any thread may call it at any time (malloc_trim(3)).
    unsafe { libc::malloc_trim(0) == 1 }
}

/// Other allocators return memory by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() -> bool {
    false
}
