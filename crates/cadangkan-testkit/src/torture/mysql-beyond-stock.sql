-- What stock tools cannot dump: they look into every view, as its definer.
SET NAMES utf8mb4;
CREATE TABLE seen_by_nobody (id int PRIMARY KEY);
CREATE DEFINER = 'cadangkan_torture_gone'@'nowhere' SQL SECURITY DEFINER VIEW of_nobody_at_all AS SELECT id FROM seen_by_nobody;
