/// The commented sample that `init` writes. It works as it stands.
pub(crate) fn sample() -> &'static str {
    include_str!("sample.yaml")
}
