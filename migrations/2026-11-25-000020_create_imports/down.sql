DROP TABLE import_changes, import_additions, import_batches, import_problems, imports;
