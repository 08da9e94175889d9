//! From a copy of registers and stack to the addresses that the calls return to.

use super::loaded::module;
use super::module::Module;
use crosswire_model::{Capture, Mapping};
use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, Unwinder};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Maximum number of calls in a stack; endless recursion has more.
const MOST_FRAMES: usize = 128;

/// Returns the address of the instruction, then those to which the calls return; with
/// each, whether it is one of the latter.
pub(super) fn addresses(capture: &Capture) -> Vec<(u64, bool)> {
    let [instruction, stack_pointer, frame_pointer] = capture.registers;
    let unwinder = unwinder(&capture.mappings);
    let mut cache = CacheX86_64::<_>::new();
    let mut read_stack = |address: u64| {
        let at = usize::try_from(address.checked_sub(stack_pointer).ok_or(())?).map_err(|_| ())?;
        let word = capture
            .stack
            .get(at..at.checked_add(8).ok_or(())?)
            .ok_or(())?;
        Ok(u64::from_le_bytes(word.try_into().expect("eight bytes")))
    };
    let registers = UnwindRegsX86_64::new(instruction, stack_pointer, frame_pointer);
    let mut frames = unwinder.iter_frames(instruction, registers, &mut cache, &mut read_stack);
    let mut addresses = Vec::new();
    while let Ok(Some(frame)) = frames.next() {
        addresses.push((frame.address(), frame.is_return_address()));
        if addresses.len() == MOST_FRAMES {
            break;
        }
    }
    addresses
}

/// Knows the files that are mapped.
fn unwinder(mappings: &[Mapping]) -> UnwinderX86_64<Arc<[u8]>> {
    let mut by_path: BTreeMap<&str, Vec<&Mapping>> = BTreeMap::new();
    for mapping in mappings.iter().filter(|one| one.path.starts_with('/')) {
        by_path.entry(&mapping.path).or_default().push(mapping);
    }
    let mut unwinder = UnwinderX86_64::new();
    for (path, parts) in by_path {
        let Some(module) = module(path) else {
            continue;
        };
        // The same for every part of a file: how far it lies from where its own tables
        // put it.
        let bias = parts.iter().find_map(|part| {
            let address = module.address_of(part.offset)?;
            part.start.checked_sub(address)
        });
        let Some(bias) = bias else {
            continue;
        };
        let begin = parts.iter().map(|part| part.start).min().unwrap_or(0);
        let end = parts.iter().map(|part| part.end).max().unwrap_or(0);
        unwinder.add_module(framehop::Module::new(
            path.to_owned(),
            begin..end,
            bias,
            tables(&module),
        ));
    }
    unwinder
}

fn tables(module: &Module) -> ExplicitModuleSectionInfo<Arc<[u8]>> {
    let frames = module.eh_frame.clone();
    let index = module.eh_frame_hdr.clone();
    ExplicitModuleSectionInfo {
        text_svma: module.text.clone(),
        eh_frame_svma: frames.as_ref().map(|section| section.addresses.clone()),
        eh_frame: frames.map(|section| section.bytes),
        eh_frame_hdr_svma: index.as_ref().map(|section| section.addresses.clone()),
        eh_frame_hdr: index.map(|section| section.bytes),
        debug_frame: module.debug_frame.clone(),
        ..ExplicitModuleSectionInfo::default()
    }
}
