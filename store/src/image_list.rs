//! Lists of an account's images: filter, order and start.

use crate::read_model::ImageRow;
use photolog_domain::{AccountId, ImageId, Timestamp};

/// Parameters of a list page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageList {
    /// The account whose images are listed.
    pub account: AccountId,
    /// Which of them.
    pub which: ImageFilter,
    /// In which order.
    pub order: SortOrder,
    /// Where the list starts.
    pub start: ListStart,
    /// How many images to skip from there.
    pub skip: u64,
    /// Maximum number of images to return.
    pub count: u64,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ImagePage {
    /// The images, in order.
    pub rows: Vec<ImageRow>,
    /// Whether the page is short because the images have a lot of metadata.
    pub is_cut: bool,
}

impl ImagePage {
    /// Maximum size of a page in bytes, unless a single image is larger.
    pub const MOST_BYTES: usize = 4 << 20;
}

/// Which images a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFilter {
    /// All of them.
    All,
    /// Enabled images.
    Enabled,
    /// Disabled images.
    Disabled,
}

/// The order of a list; images are ordered by creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortOrder {
    /// Latest first.
    NewestFirst,
    /// Earliest first.
    OldestFirst,
}

/// Where in its order a list starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListStart {
    /// At the first image.
    First,
    /// After this image; the list is empty when the image is not in the view.
    After(ImageId),
    /// At the first image that, in the list's order, is not before this time.
    At(Timestamp),
}

impl ImageFilter {
    /// The required value of `disabled`; `None` when either will do.
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
