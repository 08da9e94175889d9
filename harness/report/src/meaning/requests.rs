//! Requests of ioctl(2) by their names. Only drivers know all of them; here are those that
//! programs make which communicate, and those that every program makes. Others are told as
//! strace(1) tells them: by their parts.

use libc::*;

/// As in asm-generic/ioctls.h, linux/fs.h and linux/sockios.h. `libc` lacks those that are
/// numbers.
const NAMES: &[(u64, &str)] = &[
    (TCGETS, "TCGETS"),
    (TCSETS, "TCSETS"),
    (TCSETSW, "TCSETSW"),
    (TCSETSF, "TCSETSF"),
    (TCGETA, "TCGETA"),
    (TCSETA, "TCSETA"),
    (TCSETAW, "TCSETAW"),
    (TCSETAF, "TCSETAF"),
    (TCGETS2, "TCGETS2"),
    (TCSETS2, "TCSETS2"),
    (TCSETSW2, "TCSETSW2"),
    (TCSETSF2, "TCSETSF2"),
    (TCSBRK, "TCSBRK"),
    (TCSBRKP, "TCSBRKP"),
    (TCXONC, "TCXONC"),
    (TCFLSH, "TCFLSH"),
    (TIOCEXCL, "TIOCEXCL"),
    (TIOCNXCL, "TIOCNXCL"),
    (TIOCSCTTY, "TIOCSCTTY"),
    (TIOCNOTTY, "TIOCNOTTY"),
    (TIOCGPGRP, "TIOCGPGRP"),
    (TIOCSPGRP, "TIOCSPGRP"),
    (TIOCGSID, "TIOCGSID"),
    (TIOCOUTQ, "TIOCOUTQ"),
    (TIOCSTI, "TIOCSTI"),
    (TIOCGWINSZ, "TIOCGWINSZ"),
    (TIOCSWINSZ, "TIOCSWINSZ"),
    (TIOCMGET, "TIOCMGET"),
    (TIOCMSET, "TIOCMSET"),
    (TIOCPKT, "TIOCPKT"),
    (TIOCGPTN, "TIOCGPTN"),
    (TIOCSPTLCK, "TIOCSPTLCK"),
    (TIOCGPTLCK, "TIOCGPTLCK"),
    (TIOCGPTPEER, "TIOCGPTPEER"),
    (FIONREAD, "FIONREAD"),
    (FIONBIO, "FIONBIO"),
    (FIOASYNC, "FIOASYNC"),
    (FIOCLEX, "FIOCLEX"),
    (FIONCLEX, "FIONCLEX"),
    (0x5460, "FIOQSIZE"),
    (1, "FIBMAP"),
    (2, "FIGETBSZ"),
    (FS_IOC_GETFLAGS, "FS_IOC_GETFLAGS"),
    (FS_IOC_SETFLAGS, "FS_IOC_SETFLAGS"),
    (FS_IOC_GETVERSION, "FS_IOC_GETVERSION"),
    (FS_IOC_SETVERSION, "FS_IOC_SETVERSION"),
    (0x801c_581f, "FS_IOC_FSGETXATTR"),
    (0x401c_5820, "FS_IOC_FSSETXATTR"),
    (0xc020_660b, "FS_IOC_FIEMAP"),
    (0x4004_9409, "FICLONE"),
    (0x4020_940d, "FICLONERANGE"),
    (0xc018_9436, "FIDEDUPERANGE"),
    (0x1260, "BLKGETSIZE"),
    (0x8008_1272, "BLKGETSIZE64"),
    (0x8905, "SIOCATMARK"),
    (0x8912, "SIOCGIFCONF"),
    (0x8913, "SIOCGIFFLAGS"),
    (0x8915, "SIOCGIFADDR"),
    (0x8927, "SIOCGIFHWADDR"),
    (0x8933, "SIOCGIFINDEX"),
    (0xb701, "NS_GET_USERNS"),
    (0xb702, "NS_GET_PARENT"),
    (0xb703, "NS_GET_NSTYPE"),
];

/// Returns the name of a request, or its parts.
pub(crate) fn named(request: u32) -> String {
    let known = NAMES
        .iter()
        .find(|(number, _)| *number == u64::from(request));
    if let Some((_, name)) = known {
        return (*name).to_owned();
    }
    // asm-generic/ioctl.h: number, type, size, direction, from the lowest bit on.
    let direction = match request >> 30 {
        0 => "_IOC_NONE",
        1 => "_IOC_WRITE",
        2 => "_IOC_READ",
        _ => "_IOC_READ|_IOC_WRITE",
    };
    let (size, kind, number) = (request >> 16 & 0x3fff, request >> 8 & 0xff, request & 0xff);
    format!("_IOC({direction}, {kind:#x}, {number:#x}, {size:#x})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn requests_have_their_names_or_their_parts() {
        for (number, name) in [
            (0x5421, "FIONBIO"),
            (0x541b, "FIONREAD"),
            (0x5413, "TIOCGWINSZ"),
            (0x5401, "TCGETS"),
            (0x8008_6601, "FS_IOC_GETFLAGS"),
            (0xc008_ae05, "_IOC(_IOC_READ|_IOC_WRITE, 0xae, 0x5, 0x8)"),
        ] {
            assert_eq!(named(number), name);
        }
    }

    #[test]
    fn no_number_and_no_name_stands_there_twice() {
        let numbers: BTreeSet<u64> = NAMES.iter().map(|(number, _)| *number).collect();
        let names: BTreeSet<&str> = NAMES.iter().map(|(_, name)| *name).collect();
        assert_eq!((numbers.len(), names.len()), (NAMES.len(), NAMES.len()));
    }
}
