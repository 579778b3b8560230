//! Lists of an account's images: which of them, in which order, from where on.

use crate::read_model::ImageRow;
use photolog_domain::{AccountId, ImageId, Timestamp};

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageList {
    /// Whose images.
    pub account: AccountId,
    /// Which of them.
    pub which: ImageFilter,
    /// In which order.
    pub order: SortOrder,
    /// From where on.
    pub start: ListStart,
    /// How many of those to leave out.
    pub skip: u64,
    /// Most to be answered.
    pub count: u64,
}

/// What a list has shown.
#[derive(Clone, Debug, PartialEq)]
pub struct ImagePage {
    /// The images, in order.
    pub rows: Vec<ImageRow>,
    /// Whether it ends early, because the images have very much metadata.
    pub is_cut: bool,
}

impl ImagePage {
    /// Most bytes of all images of a page, unless one alone has more.
    pub const MOST_BYTES: usize = 4 << 20;
}

/// Which images a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFilter {
    /// All of them.
    All,
    /// Those in use.
    Enabled,
    /// Those taken out of use.
    Disabled,
}

/// The order of a list; images are ordered by when they came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortOrder {
    /// The latest first.
    NewestFirst,
    /// The earliest first.
    OldestFirst,
}

/// Where in its order a list begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListStart {
    /// At the first image.
    First,
    /// Behind this one; behind one that is not in the view there is nothing.
    After(ImageId),
    /// At the first one that did not come in before this moment in the list's order.
    At(Timestamp),
}

impl ImageFilter {
    /// What `disabled` must be, when it matters.
    pub(crate) fn disabled(self) -> Option<bool> {
        match self {
            Self::All => None,
            Self::Enabled => Some(false),
            Self::Disabled => Some(true),
        }
    }
}

impl ListStart {
    pub(crate) fn marker(self) -> Option<String> {
        match self {
            Self::After(image) => Some(image.to_string()),
            Self::First | Self::At(_) => None,
        }
    }

    pub(crate) fn moment(self) -> Option<String> {
        match self {
            Self::At(moment) => Some(moment.to_string()),
            Self::First | Self::After(_) => None,
        }
    }
}
