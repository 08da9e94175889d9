//! Writes a line three functions deep: the tests of symbols name its lines.

#[inline(never)]
fn innermost(text: &str) {
    println!("{text}");
}

mod outer {
    #[inline(never)]
    pub fn middle(text: &str) {
        super::innermost(text);
        std::hint::black_box(text);
    }
}

fn main() {
    outer::middle("x");
    std::hint::black_box(());
}
