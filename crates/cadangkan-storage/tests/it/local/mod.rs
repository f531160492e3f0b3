mod crashes;
mod faults;
mod full_disk;
mod links;
mod modes;
mod places;
mod shred;
