-- Why an act upon many was stopped; of one stopped before this column, nobody knows but by its ended_by.
alter table bulk add column halt text collate "C";
