// Command echo is the peer that `make bench` measures against: POST is answered with its own body, PUT is written to a file and
// nothing else. Asked to log in and to PUT it answers just enough for the connector to send a file to it.
//
//	echo [folder for PUT bodies]     prints its URL
package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	folder := os.TempDir()
	if len(os.Args) > 1 {
		folder = os.Args[1]
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
	url := "http://" + l.Addr().String()
	fmt.Println(url)
	err = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			f, err := os.Create(filepath.Join(folder, "stub.bin"))
			if err == nil {
				_, err = io.Copy(f, r.Body)
				f.Close()
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusForbidden)
			}
		case strings.HasPrefix(r.URL.Path, "/session/") || strings.HasPrefix(r.URL.Path, "/queries/"):
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(map[string]any{"success": true, "code": nil, "message": nil, "data": reply(r, url)})
		default:
			io.Copy(w, r.Body)
		}
	}))
	fmt.Fprintln(os.Stderr, "echo:", err)
	os.Exit(1)
}

// reply is a login's or a PUT statement's.
func reply(r *http.Request, url string) map[string]any {
	if strings.HasPrefix(r.URL.Path, "/session/") {
		return map[string]any{"token": "t", "masterToken": "m", "sessionId": 1, "validityInSeconds": 3600, "masterValidityInSeconds": 14400,
			"parameters":  []map[string]any{{"name": "TIMEZONE", "value": "UTC"}, {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 65280}, {"name": "AUTOCOMMIT", "value": true}, {"name": "CLIENT_TELEMETRY_ENABLED", "value": false}},
			"sessionInfo": map[string]any{"databaseName": nil, "schemaName": nil, "warehouseName": nil, "roleName": nil}}
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		if z, err := gzip.NewReader(r.Body); err == nil {
			body = z
		}
	}
	var q struct{ SQLText string }
	json.NewDecoder(body).Decode(&q)
	_, path, _ := strings.Cut(q.SQLText, "file://")
	path, _, _ = strings.Cut(path, " ")
	return map[string]any{"command": "UPLOAD", "src_locations": []string{path}, "sourceCompression": "none", "autoCompress": false, "overwrite": true, "parallel": 4,
		"threshold": 209715200, "encryptionMaterial": nil, "queryId": "00000000-0000-0000-0000-000000000000",
		"stageInfo": map[string]any{"locationType": "GCS", "location": "b/p/", "path": "p/", "region": "local", "storageAccount": nil, "isClientSideEncrypted": false, "creds": map[string]any{}, "presignedUrl": url + "/put", "endPoint": nil}}
}
