use cadangkan_core::Result;

/// One row of a result, as it lies in the read buffer.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) columns: usize,
}

impl<'a> Row<'a> {
    /// Gives the values in the order of the columns; `None` is NULL.
    ///
    /// # Errors
    /// An item is an error when the row is cut off or has more bytes than values.
    pub fn values(&self) -> Values<'a> {
        Values { rest: self.body, left: self.columns }
    }

    /// The bytes of the row with the lengths of its values.
    pub fn size(&self) -> usize {
        self.body.len()
    }
}

/// The values of a [`Row`].
#[derive(Clone, Debug)]
pub struct Values<'a> {
    #[allow(dead_code, reason = "skeleton")]
    rest: &'a [u8],
    #[allow(dead_code, reason = "skeleton")]
    left: usize,
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<Option<&'a [u8]>>;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
