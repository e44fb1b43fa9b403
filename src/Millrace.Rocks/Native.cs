using System.Reflection;
using System.Runtime.InteropServices;

namespace Millrace.Rocks;

/// <summary>
/// The functions of RocksDB's C API that are used (rocksdb/c.h, 11.12). Called directly: the managed wrapper copies keys and values
/// into new arrays.
/// </summary>
internal static unsafe partial class Native
{
    private const string Library = "rocksdb";

    static Native() => NativeLibrary.SetDllImportResolver(typeof(Native).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) =>
        name == Library && RuntimeInformation.RuntimeIdentifier.Contains("musl", StringComparison.Ordinal)
            ? NativeLibrary.Load("librocksdb-musl", assembly, path)
            : 0;

    [LibraryImport(Library)]
    public static partial nint rocksdb_options_create();

    [LibraryImport(Library)]
    public static partial void rocksdb_options_destroy(nint options);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_create_if_missing(nint options, byte value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_create_missing_column_families(nint options, byte value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_manual_wal_flush(nint options, byte value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_max_background_jobs(nint options, int value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_max_total_wal_size(nint options, ulong value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_max_open_files(nint options, int value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_info_log_level(nint options, int value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_keep_log_file_num(nint options, nuint value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_max_log_file_size(nint options, nuint value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_avoid_unnecessary_blocking_io(nint options, byte value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_allow_concurrent_memtable_write(nint options, byte value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_bytes_per_sync(nint options, ulong value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_write_buffer_size(nint options, nuint value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_max_write_buffer_number(nint options, int value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_compression(nint options, int value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_enable_blob_files(nint options, byte value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_min_blob_size(nint options, ulong value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_blob_file_size(nint options, ulong value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_blob_compression_type(nint options, int value);

    [LibraryImport(Library)]
    public static partial void rocksdb_options_set_block_based_table_factory(nint options, nint table);

    [LibraryImport(Library)]
    public static partial nint rocksdb_block_based_options_create();

    [LibraryImport(Library)]
    public static partial void rocksdb_block_based_options_destroy(nint table);

    [LibraryImport(Library)]
    public static partial void rocksdb_block_based_options_set_filter_policy(nint table, nint filter);

    [LibraryImport(Library)]
    public static partial void rocksdb_block_based_options_set_block_cache(nint table, nint cache);

    [LibraryImport(Library)]
    public static partial nint rocksdb_filterpolicy_create_ribbon(double bitsPerKey);

    [LibraryImport(Library)]
    public static partial nint rocksdb_cache_create_lru(nuint capacity);

    [LibraryImport(Library)]
    public static partial void rocksdb_cache_destroy(nint cache);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint rocksdb_open_column_families(
        nint options,
        string folder,
        int count,
        nint* names,
        nint* familyOptions,
        nint* families,
        nint* error
    );

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint rocksdb_open_for_read_only_column_families(
        nint options,
        string folder,
        int count,
        nint* names,
        nint* familyOptions,
        nint* families,
        byte errorIfLogExists,
        nint* error
    );

    [LibraryImport(Library)]
    public static partial void rocksdb_column_family_handle_destroy(nint family);

    [LibraryImport(Library)]
    public static partial void rocksdb_close(nint db);

    [LibraryImport(Library)]
    public static partial void rocksdb_free(nint pointer);

    [LibraryImport(Library)]
    public static partial nint rocksdb_writeoptions_create();

    [LibraryImport(Library)]
    public static partial void rocksdb_writeoptions_destroy(nint options);

    [LibraryImport(Library)]
    public static partial void rocksdb_writeoptions_disable_WAL(nint options, int disable);

    [LibraryImport(Library)]
    public static partial nint rocksdb_readoptions_create();

    [LibraryImport(Library)]
    public static partial void rocksdb_readoptions_destroy(nint options);

    [LibraryImport(Library)]
    public static partial void rocksdb_readoptions_set_iterate_lower_bound(nint options, byte* key, nuint length);

    [LibraryImport(Library)]
    public static partial void rocksdb_readoptions_set_iterate_upper_bound(nint options, byte* key, nuint length);

    [LibraryImport(Library)]
    public static partial void rocksdb_approximate_sizes_cf(
        RocksHandle db,
        nint family,
        int ranges,
        byte** from,
        nuint* fromLength,
        byte** to,
        nuint* toLength,
        ulong* sizes,
        nint* error
    );

    [LibraryImport(Library)]
    public static partial void rocksdb_flush_wal(RocksHandle db, byte sync, nint* error);

    [LibraryImport(Library)]
    public static partial nint rocksdb_writebatch_create();

    [LibraryImport(Library)]
    public static partial void rocksdb_writebatch_destroy(nint batch);

    [LibraryImport(Library)]
    public static partial void rocksdb_writebatch_clear(nint batch);

    [LibraryImport(Library)]
    public static partial void rocksdb_writebatch_put_cf(
        nint batch,
        nint family,
        byte* key,
        nuint keyLength,
        byte* value,
        nuint valueLength
    );

    [LibraryImport(Library)]
    public static partial void rocksdb_writebatch_delete_cf(nint batch, nint family, byte* key, nuint keyLength);

    [LibraryImport(Library)]
    public static partial void rocksdb_writebatch_delete_range_cf(
        nint batch,
        nint family,
        byte* from,
        nuint fromLength,
        byte* to,
        nuint toLength
    );

    [LibraryImport(Library)]
    public static partial void rocksdb_write(RocksHandle db, nint options, nint batch, nint* error);

    [LibraryImport(Library)]
    public static partial byte rocksdb_get_into_buffer_cf(
        RocksHandle db,
        nint options,
        nint family,
        byte* key,
        nuint keyLength,
        byte* buffer,
        nuint bufferLength,
        nuint* valueLength,
        byte* found,
        nint* error
    );

    [LibraryImport(Library)]
    public static partial nint rocksdb_create_iterator_cf(RocksHandle db, nint options, nint family);

    [LibraryImport(Library)]
    public static partial void rocksdb_iter_destroy(nint iterator);

    [LibraryImport(Library)]
    public static partial byte rocksdb_iter_valid(nint iterator);

    [LibraryImport(Library)]
    public static partial void rocksdb_iter_seek(nint iterator, byte* key, nuint length);

    [LibraryImport(Library)]
    public static partial void rocksdb_iter_seek_for_prev(nint iterator, byte* key, nuint length);

    [LibraryImport(Library)]
    public static partial void rocksdb_iter_next(nint iterator);

    [LibraryImport(Library)]
    public static partial void rocksdb_iter_prev(nint iterator);

    [LibraryImport(Library)]
    public static partial byte* rocksdb_iter_key(nint iterator, nuint* length);

    [LibraryImport(Library)]
    public static partial byte* rocksdb_iter_value(nint iterator, nuint* length);

    [LibraryImport(Library)]
    public static partial void rocksdb_iter_get_error(nint iterator, nint* error);
}
