// Package sample makes realistic records for the demonstration, the tests and
// the benchmarks: what a pharmacy's application keeps. The same seed gives the
// same records.
package sample

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// Record is one made-up record.
type Record struct {
	Table string
	ID    string
	Data  []byte // JSON
}

// Source makes records.
type Source struct {
	rand *rand.Rand
	n    int
}

// New makes a Source.
func New(seed uint64) *Source { return &Source{rand: rand.New(rand.NewPCG(seed, 0x5173))} }

// first is the day on which the made-up records begin.
var first = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

var (
	items = []string{"Amoxicillin 250mg cap", "Paracetamol 500mg tab", "Artemether/lumefantrine 20/120mg", "ORS sachet 20.5g",
		"Zinc sulfate 20mg dispersible", "Oxytocin 10IU/ml amp", "Metformin 500mg tab", "Amlodipine 5mg tab", "Ceftriaxone 1g inj",
		"Salbutamol inhaler 100mcg", "Insulin isophane 100IU/ml", "Measles-rubella vaccine 10 dose"}
	suppliers = []string{"National Medical Stores", "UNICEF Supply Division", "IDA Foundation", "Pacific Pharmaceuticals"}
	given     = []string{"Litia", "Sione", "Ana", "Josefa", "Mere", "Tevita", "Salote", "Ratu", "Élodie", "Kalesi"}
	family    = []string{"Tuilagi", "Naidu", "Qarase", "Vakatale", "Singh", "Raikadroka", "Prasad", "Delana"}
)

type stockLine struct {
	ID        string  `json:"id"`
	ItemCode  string  `json:"itemCode"`
	ItemName  string  `json:"itemName"`
	Batch     string  `json:"batch"`
	Expiry    string  `json:"expiryDate"`
	Packs     int     `json:"numberOfPacks"`
	PackSize  int     `json:"packSize"`
	Cost      float64 `json:"costPricePerPack"`
	Sell      float64 `json:"sellPricePerPack"`
	Location  string  `json:"location"`
	Supplier  string  `json:"supplier"`
	Available bool    `json:"available"`
	Modified  string  `json:"modified"`
}

// StockLine makes a line of stock of about 300 bytes.
func (s *Source) StockLine() Record {
	r := s.rand
	item := r.IntN(len(items))
	cost := float64(r.IntN(90_00)+50) / 100
	line := stockLine{ID: s.id("sl"), ItemCode: fmt.Sprintf("%06d", 100_000+item*37), ItemName: items[item],
		Batch: fmt.Sprintf("%c%05d", 'A'+rune(r.IntN(26)), r.IntN(100_000)), Expiry: first.AddDate(0, 3+r.IntN(36), r.IntN(28)).Format(time.DateOnly),
		Packs: r.IntN(400), PackSize: []int{1, 10, 30, 100, 1000}[r.IntN(5)], Cost: cost, Sell: float64(int(cost*125)) / 100,
		Location: fmt.Sprintf("%c%d", 'A'+rune(r.IntN(6)), 1+r.IntN(12)), Supplier: suppliers[r.IntN(len(suppliers))],
		Available: r.IntN(10) > 0, Modified: s.moment()}
	return record("stock_line", line.ID, line)
}

type patient struct {
	ID      string   `json:"id"`
	Code    string   `json:"code"`
	Given   string   `json:"firstName"`
	Family  string   `json:"lastName"`
	Sex     string   `json:"sex"`
	Born    string   `json:"dateOfBirth"`
	Phone   string   `json:"phone,omitempty"`
	Notes   []string `json:"allergies"`
	Created string   `json:"created"`
}

// Patient makes a made-up patient.
func (s *Source) Patient() Record {
	r := s.rand
	p := patient{ID: s.id("pt"), Code: fmt.Sprintf("P%06d", r.IntN(1_000_000)), Given: given[r.IntN(len(given))], Family: family[r.IntN(len(family))],
		Sex: []string{"female", "male"}[r.IntN(2)], Born: first.AddDate(-r.IntN(85), -r.IntN(12), -r.IntN(28)).Format(time.DateOnly),
		Notes: []string{}, Created: s.moment()}
	if r.IntN(3) > 0 {
		p.Phone = fmt.Sprintf("+679 9%02d %04d", r.IntN(100), r.IntN(10_000))
	}
	if r.IntN(8) == 0 {
		p.Notes = append(p.Notes, "penicillin")
	}
	return record("patient", p.ID, p)
}

type invoice struct {
	ID       string        `json:"id"`
	Number   int           `json:"invoiceNumber"`
	Customer string        `json:"customer"`
	Status   string        `json:"status"`
	Date     string        `json:"date"`
	Lines    []invoiceLine `json:"lines"`
	Total    float64       `json:"total"`
}

type invoiceLine struct {
	Item  string  `json:"item"`
	Packs int     `json:"packs"`
	Price float64 `json:"price"`
}

// Invoice makes an invoice of one to five lines.
func (s *Source) Invoice() Record {
	r := s.rand
	v := invoice{ID: s.id("inv"), Number: 10_000 + s.n, Customer: given[r.IntN(len(given))] + " " + family[r.IntN(len(family))],
		Status: []string{"new", "picked", "shipped", "verified"}[r.IntN(4)], Date: s.moment()}
	for range 1 + r.IntN(5) {
		line := invoiceLine{Item: items[r.IntN(len(items))], Packs: 1 + r.IntN(20), Price: float64(r.IntN(60_00)+20) / 100}
		v.Lines = append(v.Lines, line)
		v.Total += float64(line.Packs) * line.Price
	}
	v.Total = float64(int(v.Total*100+0.5)) / 100
	return record("invoice", v.ID, v)
}

// Any makes one of the three kinds, stock lines mostly.
func (s *Source) Any() Record {
	switch s.rand.IntN(10) {
	case 0, 1:
		return s.Patient()
	case 2, 3:
		return s.Invoice()
	default:
		return s.StockLine()
	}
}

// id makes the next ID: numbered, with a random part as real ones have.
func (s *Source) id(prefix string) string {
	s.n++
	return fmt.Sprintf("%s-%08d-%06x", prefix, s.n, s.rand.IntN(1<<24))
}

func (s *Source) moment() string {
	return first.Add(time.Duration(s.rand.IntN(300*24*60)) * time.Minute).Format(time.RFC3339)
}

func record(table, id string, v any) Record {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs always can
	}
	return Record{Table: table, ID: id, Data: data}
}
