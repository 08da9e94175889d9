//! An executable or library: its tables for unwinding, its functions and lines.

use super::nameless::in_memory;
use addr2line::{Loader, demangle_auto};
use crosswire_model::{Frame, Variable};
use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol, SymbolKind};
use std::fs::{self, Metadata};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

/// A section as it lies in memory.
#[derive(Clone)]
pub(super) struct Section {
    pub addresses: Range<u64>,
    pub bytes: Arc<[u8]>,
}

pub(super) struct Module {
    path: String,
    identity: (u64, u64, i64, i64),
    /// Loaded parts of the file, each with its load address.
    segments: Vec<(Range<u64>, u64)>,
    pub text: Option<Range<u64>>,
    pub eh_frame: Option<Section>,
    pub eh_frame_hdr: Option<Section>,
    pub debug_frame: Option<Arc<[u8]>>,
    symbols: Option<Loader>,
    /// Data with names, by distance from where the file is loaded.
    pub variables: Vec<Variable>,
}

impl Module {
    /// Reads a file; `None` if it is no ELF file.
    pub fn read(path: &str) -> Option<Module> {
        let metadata = fs::metadata(path).ok().filter(Metadata::is_file)?;
        let bytes = fs::read(path).ok()?;
        let file = object::File::parse(&*bytes).ok()?;
        let section = |name: &str| {
            let section = file.section_by_name(name)?;
            let begin = section.address();
            Some(Section {
                addresses: begin..begin + section.size(),
                bytes: section.uncompressed_data().ok()?.into(),
            })
        };
        let segments = file.segments().map(|segment| {
            let (begin, size) = segment.file_range();
            (begin..begin + size, segment.address())
        });
        Some(Module {
            path: path.to_owned(),
            identity: identity(&metadata),
            segments: segments.collect(),
            text: file
                .section_by_name(".text")
                .map(|text| text.address()..text.address() + text.size()),
            eh_frame: section(".eh_frame"),
            eh_frame_hdr: section(".eh_frame_hdr"),
            debug_frame: section(".debug_frame").map(|section| section.bytes),
            symbols: Loader::new(path).ok(),
            variables: variables(&file),
        })
    }

    /// Tells whether the file is still the one that was read.
    pub fn is_current(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|data| identity(&data) == self.identity)
    }

    /// Returns the address of a position in the file.
    pub fn address_of(&self, position: u64) -> Option<u64> {
        let mut segments = self.segments.iter();
        segments
            .find(|(range, _)| range.contains(&position))
            .map(|(range, address)| position - range.start + address)
    }

    /// Returns the functions at an address, innermost first: several where calls were
    /// inlined, none where nothing is known. Module and address are left to the caller.
    pub fn frames(&self, address: u64) -> Vec<Frame> {
        let Some(symbols) = &self.symbols else {
            return Vec::new();
        };
        let mut frames = Vec::new();
        let mut found = symbols.find_frames(address).ok();
        while let Some(Ok(Some(frame))) = found.as_mut().map(addr2line::FrameIter::next) {
            let function = frame.function.and_then(|function| {
                let name = function.demangle().ok()?;
                Some(name.into_owned())
            });
            let location = frame.location;
            frames.push(Frame {
                function: function.or_else(|| self.symbol(address)),
                file: location
                    .as_ref()
                    .and_then(|location| location.file)
                    .map(str::to_owned),
                line: location.as_ref().and_then(|location| location.line),
                ..in_memory(0)
            });
        }
        if frames.is_empty()
            && let Some(name) = self.symbol(address)
        {
            frames.push(Frame {
                function: Some(name),
                ..in_memory(0)
            });
        }
        frames
    }

    /// Returns the name in the symbol table.
    fn symbol(&self, address: u64) -> Option<String> {
        let name = self.symbols.as_ref()?.find_symbol(address)?;
        Some(demangle_auto(name.into(), None).into_owned())
    }
}

fn variables(file: &object::File) -> Vec<Variable> {
    /// What is mapped begins with a page.
    const PAGE: u64 = 4096;
    let lowest = file.segments().map(|segment| segment.address()).min();
    let base = lowest.unwrap_or(0) / PAGE * PAGE;
    let is_data = |symbol: &object::Symbol| {
        symbol.kind() == SymbolKind::Data && symbol.size() > 0 && symbol.is_definition()
    };
    let variable = |symbol: object::Symbol| {
        Some(Variable {
            offset: symbol.address().checked_sub(base)?,
            size: symbol.size(),
            name: demangled(symbol.name().ok()?),
        })
    };
    let table = file.symbols().chain(file.dynamic_symbols());
    let mut found: Vec<Variable> = table.filter(is_data).filter_map(variable).collect();
    found.sort_by(|a, b| (a.offset, &a.name).cmp(&(b.offset, &b.name)));
    found.dedup_by_key(|variable| variable.offset);
    found
}

/// Returns a name as its source has it. The C++ compiler's names of variables begin with `_Z`;
/// a plain `a` would be taken for a type.
fn demangled(name: &str) -> String {
    match name.starts_with('_') {
        true => demangle_auto(name.into(), None).into_owned(),
        false => name.to_owned(),
    }
}

fn identity(data: &Metadata) -> (u64, u64, i64, i64) {
    (data.ino(), data.len(), data.mtime(), data.mtime_nsec())
}
